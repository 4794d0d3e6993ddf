with

applications as (

    select * from {{ ref('fct_applications') }}
    where decided_at is not null and not is_duplicate

),

supplement_cycles as (

    select * from {{ ref('int_credit__supplement_cycles') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'cr_supplement_rate'

),

decided_by_day as (

    select
        {{ start_of('day', 'decided_local_at') }} as decided_day,
        customer_type,
        channel,
        product_line,
        {{ count_where('has_supplement_request') }} as supplemented,
        count(*) as applications
    from applications
    group by {{ start_of('day', 'decided_local_at') }}, customer_type, channel, product_line

),

sliced as (

    -- for the slice by reason these rows give the denominator, which stays whole
    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'decided_by_day.decided_day') }} as period_start,
        slices.dimension,
        case
            when slices.dimension = 'reason' then 'whole'
            else {{ credit_member('slices.dimension', 'decided_by_day', ['customer_type', 'channel', 'product_line', 'customer_type+channel']) }}
        end as dimension_value,
        decided_by_day.supplemented,
        decided_by_day.applications
    from decided_by_day
    cross join slices

),

totals as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        sum(supplemented) as supplemented,
        sum(applications) as applications
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

),

application_reasons as (

    select distinct
        applications.application_id,
        {{ start_of('day', 'applications.decided_local_at') }} as decided_day,
        coalesce(supplement_cycles.reason, 'unknown') as reason
    from applications
    inner join supplement_cycles on applications.application_id = supplement_cycles.application_id

),

reasons_by_day as (

    select decided_day, reason, count(*) as supplemented
    from application_reasons
    group by decided_day, reason

),

sliced_reasons as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'reasons_by_day.decided_day') }} as period_start,
        slices.dimension,
        reasons_by_day.reason,
        reasons_by_day.supplemented
    from reasons_by_day
    inner join slices on slices.dimension = 'reason'

),

reasons as (

    select
        kpi_id, version, period_grain, period_start, dimension, reason,
        sum(supplemented) as supplemented
    from sliced_reasons
    group by kpi_id, version, period_grain, period_start, dimension, reason

),

counted as (

    select kpi_id, version, period_grain, period_start, dimension, dimension_value, supplemented, applications
    from totals
    where dimension <> 'reason'
    union all
    select
        reasons.kpi_id, reasons.version, reasons.period_grain, reasons.period_start, reasons.dimension,
        reasons.reason as dimension_value, reasons.supplemented, totals.applications
    from reasons
    inner join totals
        on reasons.kpi_id = totals.kpi_id
        and reasons.version = totals.version
        and reasons.period_grain = totals.period_grain
        and reasons.period_start = totals.period_start
        and reasons.dimension = totals.dimension

),

measured as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        supplemented as numerator,
        applications as denominator,
        {{ safe_divide('supplemented', 'applications') }} as value,
        applications as sample_size,
        true as is_matured
    from counted

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
