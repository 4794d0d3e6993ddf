with

applications as (

    select * from {{ ref('fct_applications') }}
    where not is_duplicate

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id = 'cr_timeout_abandon_rate'
        and {{ credit_is_landed([['application_events', 'event_id']]) }}

),

timeouts as (

    select
        metric_id as kpi_id,
        version,
        value as timeout_minutes
    from parameters
    where metric_id = 'cr_timeout_abandon_rate' and parameter = 'timeout_minutes'

),

submitted_by_day as (

    select
        timeouts.kpi_id,
        timeouts.version,
        {{ start_of('day', 'applications.submitted_local_at') }} as submitted_day,
        applications.channel,
        {{ count_where('applications.idle_minutes_at_withdrawal > timeouts.timeout_minutes and not applications.has_open_supplement_at_withdrawal') }} as abandoned,
        count(*) as applications
    from applications
    cross join timeouts
    group by
        timeouts.kpi_id, timeouts.version, {{ start_of('day', 'applications.submitted_local_at') }}, applications.channel

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'submitted_by_day.submitted_day') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'submitted_by_day', ['channel']) }} as dimension_value,
        submitted_by_day.abandoned,
        submitted_by_day.applications
    from submitted_by_day
    inner join slices
        on submitted_by_day.kpi_id = slices.kpi_id
        and submitted_by_day.version = slices.version

),

measured as (

    {{ sum_and_divide('sliced', 'abandoned', 'applications') }}

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
