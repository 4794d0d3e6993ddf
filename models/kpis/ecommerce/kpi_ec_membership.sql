with

member_spells as (

    select * from {{ ref('int_ecommerce__member_spells') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('ec_member_net_adds', 'ec_member_net_growth_rate')

),

moves as (

    select
        joined_at as moved_at,
        1 as net
    from member_spells
    union all
    select
        left_at as moved_at,
        -1 as net
    from member_spells
    where left_at is not null

),

daily_moves as (

    select
        {{ date_of(to_local('moves.moved_at', "'" ~ var('business_timezone') ~ "'")) }} as date_day,
        sum(moves.net) as net_adds,
        count(*) as changes
    from moves
    cross join horizon
    where moves.moved_at <= horizon.as_of_utc
    group by {{ date_of(to_local('moves.moved_at', "'" ~ var('business_timezone') ~ "'")) }}

),

bounds as (

    select
        min(daily_moves.date_day) as first_date,
        max({{ date_of('horizon.as_of') }}) as last_date
    from daily_moves
    cross join horizon

),

days as (

    select series.date_day
    from bounds
    cross join lateral {{ date_series('bounds.first_date', 'bounds.last_date') }} as series

),

periods as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'days.date_day') }} as period_start,
        slices.dimension,
        coalesce(sum(daily_moves.net_adds), 0) as net_adds,
        coalesce(sum(daily_moves.changes), 0) as changes
    from days
    cross join slices
    left join daily_moves on days.date_day = daily_moves.date_day
    group by
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'days.date_day') }},
        slices.dimension

),

standing as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        net_adds,
        changes,
        coalesce(
            sum(net_adds) over (
                partition by kpi_id, version, period_grain, dimension
                order by period_start
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as members_at_start
    from periods

),

measured as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        'all' as dimension_value,
        net_adds as numerator,
        case when kpi_id = 'ec_member_net_growth_rate' then members_at_start end as denominator,
        case kpi_id
            when 'ec_member_net_adds' then cast(net_adds as double)
            when 'ec_member_net_growth_rate' then {{ safe_divide('net_adds', 'members_at_start') }}
        end as value,
        case kpi_id
            when 'ec_member_net_adds' then changes
            when 'ec_member_net_growth_rate' then members_at_start
        end as sample_size,
        true as is_matured
    from standing

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
