with

visits as (

    select * from {{ ref('int_ecommerce__visits') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_identity_match_rate'

),

persons as (

    select distinct person_id, date_trunc('day', bucket_local_at) as day_at, platform
    from visits

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'persons.day_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'platform' then persons.platform
        end as dimension_value,
        persons.person_id,
        persons.person_id like 'user:%' as is_resolved
    from persons
    cross join slices

),

counted as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        count(distinct case when is_resolved then person_id end) as resolved_persons,
        count(distinct person_id) as persons
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

),

measured as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        resolved_persons as numerator,
        persons as denominator,
        {{ safe_divide('resolved_persons', 'persons') }} as value,
        persons as sample_size,
        true as is_matured
    from counted

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
