with

events as (

    select * from {{ ref('stg_credit__application_events') }}

),

applications as (

    select * from {{ ref('stg_credit__applications') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_rule_data_quality'

),

limits as (

    select
        max(case when parameter = 'completeness_min' then value end) as completeness_min,
        max(case when parameter = 'timeliness_min' then value end) as timeliness_min,
        max(case when parameter = 'timeliness_max_seconds' then value end) as timeliness_max_seconds
    from parameters

),

judged as (

    select
        {{ month_start(to_local('events.event_at', "'" ~ var('business_timezone') ~ "'")) }} as month_start,
        applications.application_id is not null as is_complete,
        {{ seconds_between('events.event_at', 'events._loaded_at') }} <= limits.timeliness_max_seconds as is_timely
    from events
    left join applications
        on events.application_id = applications.application_id
    cross join limits

),

counted as (

    select
        month_start,
        count(*) as events,
        count(*) filter (where is_complete) as complete_events,
        count(*) filter (where is_timely) as timely_events
    from judged
    group by month_start

),

checks as (

    select
        'cr_check_completeness' as check_id,
        counted.month_start,
        counted.complete_events as numerator,
        counted.events as denominator,
        limits.completeness_min as expected
    from counted
    cross join limits
    union all
    select
        'cr_check_timeliness' as check_id,
        counted.month_start,
        counted.timely_events as numerator,
        counted.events as denominator,
        limits.timeliness_min as expected
    from counted
    cross join limits

)

select
    check_id,
    month_start,
    cast(numerator as {{ type_bigint() }}) as numerator,
    cast(denominator as {{ type_bigint() }}) as denominator,
    {{ safe_divide('numerator', 'denominator') }} as value,
    cast(expected as {{ type_double() }}) as expected,
    {{ safe_divide('numerator', 'denominator') }} >= expected as passed
from checks
