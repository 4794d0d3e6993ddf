with

snapshots as (

    select * from {{ ref('stg_ecommerce__inventory_snapshots') }}

),

products as (

    select * from {{ ref('stg_ecommerce__products') }}
    where is_key_sku

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id in ('ec_key_sku_availability', 'ec_key_sku_stockouts')

),

limits as (

    select
        max(value) filter (where parameter = 'snapshot_max_hours') as max_hours,
        max(value) filter (where parameter = 'min_available_qty') as min_qty,
        max(value) filter (where parameter = 'stockout_qty') as stockout_qty
    from parameters

),

in_order as (

    select
        snapshots.sku_id,
        products.category_id,
        snapshots.snapshot_at,
        snapshots.available_qty,
        snapshots.on_sale,
        products.listed_from,
        products.listed_to,
        lag(snapshots.available_qty) over (partition by snapshots.sku_id order by snapshots.snapshot_at) as previous_qty,
        lead(snapshots.snapshot_at) over (partition by snapshots.sku_id order by snapshots.snapshot_at) as next_snapshot_at
    from snapshots
    inner join products on snapshots.sku_id = products.sku_id

),

held as (

    select
        in_order.sku_id,
        in_order.category_id,
        in_order.snapshot_at,
        in_order.on_sale,
        in_order.available_qty >= limits.min_qty as is_in_stock,
        in_order.snapshot_at >= in_order.listed_from
        and (in_order.listed_to is null or in_order.snapshot_at < in_order.listed_to) as is_listed,
        coalesce(in_order.available_qty <= limits.stockout_qty and in_order.previous_qty > limits.stockout_qty, false) as is_fall,
        {{ greatest_of(['in_order.snapshot_at', 'in_order.listed_from']) }} as held_from,
        {{ least_of([
            'coalesce(in_order.next_snapshot_at, horizon.as_of_utc)',
            add_seconds('in_order.snapshot_at', '3600 * limits.max_hours'),
            'coalesce(in_order.listed_to, horizon.as_of_utc)',
            'horizon.as_of_utc',
        ]) }} as held_to
    from in_order
    cross join limits
    cross join horizon

)

select
    sku_id,
    category_id,
    snapshot_at,
    {{ to_local('snapshot_at', "'" ~ var('business_timezone') ~ "'") }} as snapshot_local_at,
    is_in_stock,
    is_listed,
    is_listed and is_fall as is_stockout,
    held_from,
    held_to
from held
where on_sale
