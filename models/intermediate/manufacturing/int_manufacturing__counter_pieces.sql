-- Pieces between two readings of a machine, by the shift of the later reading; a fall of the counter is a reset.
with

counter_readings as (

    select * from {{ ref('stg_manufacturing__counter_readings') }}

),

passes as (

    select * from {{ ref('int_manufacturing__passes') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

product_families as (

    select * from {{ ref('int_manufacturing__product_families') }}

),

-- readings and entries of a machine in order of time; an entry at the moment of a reading comes first
events as (

    select
        machine_id,
        read_at as event_at,
        1 as place,
        {{ typed_null('id') }} as operation_id
    from counter_readings
    where product_id is null
    union all
    select
        machine_id,
        entered_at as event_at,
        0 as place,
        operation_id
    from passes
    where machine_id in (select machine_id from counter_readings where product_id is null)

),

latest_passes as (

    select
        machine_id,
        event_at as read_at,
        place,
        {{ last_value_ignore_nulls('operation_id') }} over (
            partition by machine_id
            order by event_at, place, operation_id
            rows between unbounded preceding and current row
        ) as latest_operation_id
    from events

),

reading_products as (

    select
        latest_passes.machine_id,
        latest_passes.read_at,
        passes.product_id
    from latest_passes
    inner join passes on latest_passes.latest_operation_id = passes.operation_id
    where latest_passes.place = 1

),

deltas as (

    select
        machine_id,
        read_at,
        product_id,
        total_count,
        lag(total_count) over (partition by machine_id order by read_at) as previous_count
    from counter_readings

),

described as (

    select
        deltas.machine_id,
        machines.line_id,
        deltas.read_at,
        coalesce(deltas.product_id, reading_products.product_id) as product_id,
        case
            when deltas.previous_count is null then 0
            when deltas.total_count < deltas.previous_count then deltas.total_count
            else deltas.total_count - deltas.previous_count
        end as pieces,
        coalesce(deltas.total_count < deltas.previous_count, false) as is_reset
    from deltas
    inner join machines on deltas.machine_id = machines.machine_id
    left join reading_products
        on deltas.machine_id = reading_products.machine_id and deltas.read_at = reading_products.read_at

),

placed as (

    select
        described.machine_id,
        described.pieces,
        described.is_reset,
        coalesce(product_families.product_family, 'unknown') as product_family,
        {{ place_columns('described.read_at') }}
    from described
    left join product_families on described.product_id = product_families.product_id
    {{ place_joins('described.line_id', 'described.read_at') }}

)

select
    machine_id,
    production_date,
    shift_name,
    product_family,
    sum(pieces) as pieces,
    {{ count_where('is_reset') }} as resets
from placed
where shift_starts_local_at is not null
group by machine_id, production_date, shift_name, product_family
