with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

microstops as (

    select * from {{ ref('int_manufacturing__microstops') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('mf_microstop_count', 'mf_microstop_minutes')

),

-- every observed machine-shift counts, with 0 where it has no micro-stop
facts as (

    select
        line_id, station_id, machine_id, production_date, shift_starts_local_at,
        0 as microstops,
        0 as microstop_seconds
    from machine_shifts
    union all
    select
        line_id, station_id, machine_id, production_date, shift_starts_local_at,
        1 as microstops,
        seconds_in_ppt as microstop_seconds
    from microstops

),

per_slice as (

    {{ sum_by_slice(
        'facts', 'slices',
        {
            'value': "case when slices.kpi_id = 'mf_microstop_count' then facts.microstops else facts.microstop_seconds / 60.0 end",
            'sample_size': 'facts.microstops'
        },
        dimensions=['line', 'station', 'machine']
    ) }}

),

measured as (

    {{ amount_of_sums('per_slice') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
