with

first_buyers as (

    select * from {{ ref('int_ecommerce__first_orders') }}
    where member_status = 'non_member'

),

member_spells as (

    select * from {{ ref('int_ecommerce__member_spells') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_member_enrolment_rate'

),

windows as (

    select
        metric_id as kpi_id,
        version,
        value * 86400 as window_seconds
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_member_enrolment_rate' and parameter = 'window_days'

),

joined_next as (

    select
        first_buyers.person_id,
        first_buyers.paid_at,
        first_buyers.paid_local_at,
        min(member_spells.joined_at) as joined_at
    from first_buyers
    left join member_spells
        on first_buyers.person_id = member_spells.person_id and member_spells.joined_at >= first_buyers.paid_at
    group by first_buyers.person_id, first_buyers.paid_at, first_buyers.paid_local_at

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'joined_next.paid_local_at') }} as period_start,
        slices.dimension,
        coalesce(joined_next.joined_at <= {{ add_seconds('joined_next.paid_at', 'windows.window_seconds') }}, false) as has_joined,
        {{ add_seconds('joined_next.paid_at', 'windows.window_seconds') }} <= horizon.as_of_utc as is_observed
    from joined_next
    cross join slices
    inner join windows on slices.kpi_id = windows.kpi_id and slices.version = windows.version
    cross join horizon

),

measured as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        'all' as dimension_value,
        {{ count_where('has_joined') }} as numerator,
        count(*) as denominator,
        {{ safe_divide(count_where('has_joined'), 'count(*)') }} as value,
        count(*) as sample_size,
        {{ all_true('is_observed') }} as is_matured
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
