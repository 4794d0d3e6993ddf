with

applications as (

    select * from {{ ref('fct_applications') }}
    where decided_at is not null and not is_duplicate

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'cr_controllable_time_ratio'

),

decided_by_day as (

    select
        {{ start_of('day', 'decided_local_at') }} as decided_day,
        customer_type,
        channel,
        product_line,
        sum(controllable_minutes) as controllable_minutes,
        sum(turnaround_minutes) as turnaround_minutes,
        count(*) as applications
    from applications
    group by {{ start_of('day', 'decided_local_at') }}, customer_type, channel, product_line

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'decided_by_day.decided_day') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'decided_by_day', ['customer_type', 'channel', 'product_line', 'customer_type+channel']) }} as dimension_value,
        decided_by_day.controllable_minutes,
        decided_by_day.turnaround_minutes,
        decided_by_day.applications
    from decided_by_day
    cross join slices

),

measured as (

    {{ sum_and_divide('sliced', 'controllable_minutes', 'turnaround_minutes', sample_size='applications') }}

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
