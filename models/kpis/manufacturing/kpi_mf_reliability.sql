with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

stops as (

    select * from {{ ref('int_manufacturing__stops') }}

),

stop_pieces as (

    select * from {{ ref('int_manufacturing__stop_pieces') }}

),

maintenance_orders as (

    select * from {{ ref('stg_manufacturing__maintenance_orders') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('mf_mtbf_hours', 'mf_mttr_minutes')

),

stops_inside_ppt as (

    select distinct
        machine_id,
        stop_starts_at
    from stop_pieces
    where not is_microstop

),

repairs as (

    select
        maintenance_orders.maintenance_id,
        coalesce(maintenance_orders.machine_id, 'unknown') as machine_id,
        coalesce(machines.line_id, 'unknown') as line_id,
        maintenance_orders.repaired_at,
        {{ minutes_between('maintenance_orders.reported_at', 'maintenance_orders.repaired_at') }} as repair_minutes
    from maintenance_orders
    left join machines on maintenance_orders.machine_id = machines.machine_id
    where maintenance_orders.kind = 'breakdown' and maintenance_orders.repaired_at is not null

),

repairs_placed as (

    select
        repairs.machine_id,
        repairs.line_id,
        repairs.repair_minutes,
        {{ place_columns('repairs.repaired_at') }}
    from repairs
    {{ place_joins('repairs.line_id', 'repairs.repaired_at') }}

),

facts as (

    select
        'mf_mtbf_hours' as kpi_id,
        line_id, machine_id, production_date, shift_starts_local_at,
        run_seconds_v1 / 3600.0 as numerator,
        0 as denominator
    from machine_shifts
    union all
    select
        'mf_mtbf_hours' as kpi_id,
        stops.line_id, stops.machine_id, stops.production_date, stops.shift_starts_local_at,
        0 as numerator,
        1 as denominator
    from stops
    inner join stops_inside_ppt
        on stops.machine_id = stops_inside_ppt.machine_id and stops.starts_at = stops_inside_ppt.stop_starts_at
    where stops.is_equipment_failure
    union all
    select
        'mf_mttr_minutes' as kpi_id,
        line_id, machine_id, production_date, shift_starts_local_at,
        repair_minutes as numerator,
        1 as denominator
    from repairs_placed

),

per_slice as (

    {{ sum_by_slice(
        'facts', 'slices',
        {'numerator': 'facts.numerator', 'denominator': 'facts.denominator', 'sample_size': 'facts.denominator'},
        dimensions=['line', 'machine'],
        where='facts.kpi_id = slices.kpi_id'
    ) }}

),

measured as (

    {{ ratio_of_sums('per_slice') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
