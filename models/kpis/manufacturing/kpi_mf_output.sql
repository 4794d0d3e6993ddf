with

units as (

    select * from {{ ref('int_manufacturing__units') }}

),

scrap as (

    select * from {{ ref('int_manufacturing__scrap') }}

),

machine_losses as (

    select * from {{ ref('int_manufacturing__machine_losses') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id = 'mf_output_units'
        or (
            kpi_id = 'mf_loss_cost'
            and {{ manufacturing_has(['scrap_reports', 'standard_costs', 'machine_states', 'ideal_cycle_times', 'machine_hour_costs']) }}
            and ({{ manufacturing_has(['counter_readings']) }} or {{ manufacturing_has(['unit_operations']) }})
        )

),

facts as (

    select
        'mf_output_units' as kpi_id,
        line_id, station_id, production_date, shift_starts_local_at,
        count(*) as amount,
        count(*) as parts
    from units
    group by line_id, station_id, production_date, shift_starts_local_at
    union all
    select
        'mf_loss_cost' as kpi_id,
        line_id, station_id, production_date, shift_starts_local_at,
        scrap_cost as amount,
        1 as parts
    from scrap
    where scrap_cost is not null
    union all
    select
        'mf_loss_cost' as kpi_id,
        line_id, station_id, production_date, shift_starts_local_at,
        coalesce(downtime_cost, 0) + coalesce(speed_loss_cost, 0) as amount,
        1 as parts
    from machine_losses
    where cost_per_hour is not null

),

per_slice as (

    {{ sum_by_slice(
        'facts', 'slices',
        {'value': 'facts.amount', 'sample_size': 'facts.parts'},
        dimensions=['line', 'station'],
        where='facts.kpi_id = slices.kpi_id'
    ) }}

),

measured as (

    {{ amount_of_sums('per_slice') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
