with

events as (

    select * from {{ ref('stg_credit__application_events') }}

),

repayments as (

    select * from {{ ref('stg_credit__repayments') }}

),

snapshots as (

    select * from {{ ref('stg_credit__dpd_snapshots') }}

),

accounts as (

    select * from {{ ref('stg_credit__accounts') }}

),

horizon as (

    select as_of
    from {{ ref('int_credit__as_of') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id in ('cr_rule_readiness', 'cr_rule_data_quality')

),

limits as (

    select
        cast(max(case when parameter = 'ageing_ready_days' then value end) as int) as ageing_ready_days,
        cast(max(case when parameter = 'vintage_ready_days' then value end) as int) as vintage_ready_days,
        max(case when parameter = 'ready_share_min' then value end) as ready_share_min,
        max(case when parameter = 'timeliness_min' then value end) as timeliness_min,
        max(case when parameter = 'timeliness_max_seconds' then value end) as timeliness_max_seconds
    from parameters

),

portfolio_rows as (   -- what DPD, vintages and the migration matrix read; an account's row tells its latest change

    select
        {{ business_local('posted_at') }} as happened_local_at,
        {{ business_local('_loaded_at') }} as loaded_local_at
    from repayments
    union all
    select
        cast(snapshot_date as {{ type_ts() }}) as happened_local_at,
        {{ business_local('_loaded_at') }} as loaded_local_at
    from snapshots
    union all
    select
        {{ business_local(greatest_of(['booked_at', 'closed_at', 'charged_off_at'])) }} as happened_local_at,
        {{ business_local('_loaded_at') }} as loaded_local_at
    from accounts

),

deadlines as (

    select 'cr_ready_ageing' as check_id, ageing_ready_days as ready_days, ready_share_min as expected
    from limits
    union all
    select 'cr_ready_vintage' as check_id, vintage_ready_days as ready_days, ready_share_min as expected
    from limits

),

portfolio_days as (

    select
        {{ date_of('happened_local_at') }} as business_date,
        {{ date_of('coalesce(loaded_local_at, happened_local_at)') }} as loaded_date,
        count(*) as row_count,
        max(loaded_local_at) as last_loaded_at
    from portfolio_rows
    group by {{ date_of('happened_local_at') }}, {{ date_of('coalesce(loaded_local_at, happened_local_at)') }}

),

portfolio_checks as (

    select
        deadlines.check_id,
        portfolio_days.business_date,
        cast({{ add_days('portfolio_days.business_date', 'deadlines.ready_days + 1') }} as {{ type_ts() }}) as due_at,
        max(portfolio_days.last_loaded_at) as complete_at,
        sum(portfolio_days.row_count) as row_count,
        coalesce(sum(portfolio_days.row_count) filter (
            where portfolio_days.loaded_date <= {{ add_days('portfolio_days.business_date', 'deadlines.ready_days') }}
        ), 0) as rows_in_time,
        deadlines.expected
    from portfolio_days
    cross join deadlines
    group by deadlines.check_id, portfolio_days.business_date, deadlines.ready_days, deadlines.expected

),

event_checks as (     -- each event has a deadline of its own; the day is judged when its last one is over

    select
        'cr_ready_process_events' as check_id,
        {{ date_of(business_local('events.event_at')) }} as business_date,
        max({{ add_seconds(business_local('events.event_at'), 'limits.timeliness_max_seconds') }}) as due_at,
        max({{ business_local('events._loaded_at') }}) as complete_at,
        count(*) as row_count,
        count(*) filter (
            where {{ seconds_between('events.event_at', 'events._loaded_at') }} <= limits.timeliness_max_seconds
        ) as rows_in_time,
        limits.timeliness_min as expected
    from events
    cross join limits
    group by {{ date_of(business_local('events.event_at')) }}, limits.timeliness_min

),

checks as (

    select check_id, business_date, due_at, complete_at, row_count, rows_in_time, expected
    from portfolio_checks
    union all
    select check_id, business_date, due_at, complete_at, row_count, rows_in_time, expected
    from event_checks

),

spans as (

    select
        checks.check_id,
        min(checks.business_date) as first_date,
        {{ date_of('horizon.as_of') }} as last_date,
        max(checks.expected) as expected
    from checks
    cross join horizon
    group by checks.check_id, horizon.as_of

),

days as (             -- every day since the first one, so that a day on which nothing arrived shows

    select spans.check_id, days.business_date, spans.expected
    from spans
    cross join lateral {{ date_series('spans.first_date', 'spans.last_date', 'business_date') }} as days

),

judged as (

    select
        days.check_id,
        days.business_date,
        checks.due_at,
        checks.complete_at,
        coalesce(checks.row_count, 0) as row_count,
        coalesce(checks.rows_in_time, 0) as rows_in_time,
        {{ safe_divide('checks.rows_in_time', 'checks.row_count') }} as value,
        days.expected,
        cast({{ add_days('days.business_date', 1) }} as {{ type_ts() }}) <= horizon.as_of
        and coalesce(checks.due_at <= horizon.as_of, true) as is_due
    from days
    left join checks on days.check_id = checks.check_id and days.business_date = checks.business_date
    cross join horizon

)

select
    cast(check_id as {{ type_text() }}) as check_id,
    cast(business_date as date) as business_date,
    due_at,
    complete_at,
    cast(row_count as bigint) as row_count,
    cast(rows_in_time as bigint) as rows_in_time,
    value,
    cast(expected as {{ type_double() }}) as expected,
    cast(case
        when not is_due then 'not_due'
        when row_count = 0 then 'silent'
        when value >= expected then 'ready'
        else 'late'
    end as {{ type_text() }}) as status,
    case when is_due and row_count > 0 then value >= expected end as passed
from judged
