-- OEE of a machine and shift is the same number in the mart and in the KPI (both versions).
with

marts as (

    select machine_id, shift_starts_local_at, 1 as version, oee_v1 as oee
    from {{ ref('fct_oee') }}
    union all
    select machine_id, shift_starts_local_at, 2 as version, oee_v2 as oee
    from {{ ref('fct_oee') }}

),

kpis as (

    select * from {{ ref('kpi_mf_oee') }}
    where kpi_id = 'mf_oee' and period_grain = 'shift' and dimension = 'machine'

)

select
    marts.machine_id,
    marts.shift_starts_local_at,
    marts.version,
    marts.oee,
    kpis.value
from marts
full outer join kpis
    on
        marts.machine_id = kpis.dimension_value
        and marts.shift_starts_local_at = kpis.period_start
        and marts.version = kpis.version
where
    (marts.oee is null) <> (kpis.value is null)
    or abs(marts.oee - kpis.value) > 0.000000001
