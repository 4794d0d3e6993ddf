with

measurements as (

    select * from {{ ref('stg_manufacturing__measurements') }}

),

points as (

    select * from {{ ref('int_manufacturing__chart_points') }}
    where series_kind = 'measurement'

),

constants as (

    select * from {{ ref('control_chart_constants') }}

),

specs as (

    select * from {{ ref('stg_manufacturing__characteristic_specs') }}

),

-- every machine by itself, and all machines of the characteristic together
overall as (

    select
        characteristic,
        coalesce(machine_id, 'unknown') as machine_id,
        count(*) as measured_pieces,
        avg(measured_value) as mean_value,
        stddev_samp(measured_value) as sigma_overall
    from measurements
    group by characteristic, coalesce(machine_id, 'unknown')
    union all
    select
        characteristic,
        'all' as machine_id,
        count(*) as measured_pieces,
        avg(measured_value) as mean_value,
        stddev_samp(measured_value) as sigma_overall
    from measurements
    group by characteristic

),

spreads as (

    select
        points.characteristic,
        points.machine_id,
        points.spread / constants.d2 as sigma_estimate
    from points
    inner join constants on points.spread_size = constants.subgroup_size
    where points.spread is not null

),

within_subgroups as (

    select
        characteristic,
        machine_id,
        avg(sigma_estimate) as sigma_within
    from spreads
    group by characteristic, machine_id
    union all
    select
        characteristic,
        'all' as machine_id,
        avg(sigma_estimate) as sigma_within
    from spreads
    group by characteristic

),

joined as (

    select
        overall.characteristic,
        overall.machine_id,
        overall.measured_pieces,
        overall.mean_value,
        within_subgroups.sigma_within,
        overall.sigma_overall,
        specs.lower_limit,
        specs.target,
        specs.upper_limit
    from overall
    left join within_subgroups
        on overall.characteristic = within_subgroups.characteristic and overall.machine_id = within_subgroups.machine_id
    left join specs on overall.characteristic = specs.characteristic

),

-- with one limit only, the index of that side stands alone and Cp and Pp are unknown
indexed as (

    select
        joined.*,
        {{ safe_divide('upper_limit - lower_limit', '6 * sigma_within') }} as cp,
        {{ safe_divide('upper_limit - mean_value', '3 * sigma_within') }} as cpu,
        {{ safe_divide('mean_value - lower_limit', '3 * sigma_within') }} as cpl,
        {{ safe_divide('upper_limit - lower_limit', '6 * sigma_overall') }} as pp,
        {{ safe_divide('upper_limit - mean_value', '3 * sigma_overall') }} as ppu,
        {{ safe_divide('mean_value - lower_limit', '3 * sigma_overall') }} as ppl
    from joined

)

select
    {{ as_text('characteristic') }} as characteristic,
    {{ as_text('machine_id') }} as machine_id,
    cast(measured_pieces as {{ type_bigint() }}) as measured_pieces,
    cast(mean_value as {{ type_double() }}) as mean_value,
    cast(sigma_within as {{ type_double() }}) as sigma_within,
    cast(sigma_overall as {{ type_double() }}) as sigma_overall,
    cast(lower_limit as {{ type_double() }}) as lower_limit,
    cast(target as {{ type_double() }}) as target,
    cast(upper_limit as {{ type_double() }}) as upper_limit,
    cp,
    case when coalesce(cpu, cpl) <= coalesce(cpl, cpu) then coalesce(cpu, cpl) else coalesce(cpl, cpu) end as cpk,
    pp,
    case when coalesce(ppu, ppl) <= coalesce(ppl, ppu) then coalesce(ppu, ppl) else coalesce(ppl, ppu) end as ppk
from indexed
