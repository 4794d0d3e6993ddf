with

events as (

    select * from {{ ref('int_ecommerce__events') }}
    where event_name = 'view_item'

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

order_items as (

    select * from {{ ref('stg_ecommerce__order_items') }}

),

products as (

    select * from {{ ref('stg_ecommerce__products') }}

),

key_categories as (

    select * from {{ ref('stg_ecommerce__key_categories') }}

),

landed as (

    select * from {{ ref('stg_ecommerce__landed') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_key_category_cvr' and parameter = 'view_window_days'

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'ec_key_category_cvr'

),

views as (           -- views of categories that are key at some time

    select events.person_id, events.category_id, events.event_at, events.event_date
    from events
    inner join (select distinct category_id from key_categories) as ever_key on events.category_id = ever_key.category_id

),

key_views as (

    select distinct views.person_id, views.category_id, cast(views.event_date as {{ type_ts() }}) as local_at
    from views
    inner join key_categories
        on views.category_id = key_categories.category_id
        and views.event_date >= key_categories.valid_from
        and (views.event_date < key_categories.valid_to or key_categories.valid_to is null)

),

key_orders as (      -- an order once per key category of its items

    select distinct orders.order_id, orders.person_id, orders.paid_at, orders.paid_local_at, products.category_id
    from orders
    inner join order_items on orders.order_id = order_items.order_id
    inner join products on order_items.sku_id = products.sku_id
    inner join key_categories
        on products.category_id = key_categories.category_id
        and orders.paid_date >= key_categories.valid_from
        and (orders.paid_date < key_categories.valid_to or key_categories.valid_to is null)

),

timeline as (        -- a view stands before the orders of the same instant

    select person_id, category_id, event_at as moment_at, 0 as is_order, {{ typed_null('id') }} as order_id, {{ typed_null('ts') }} as paid_local_at
    from views
    union all
    select person_id, category_id, paid_at as moment_at, 1 as is_order, order_id, paid_local_at
    from key_orders

),

last_views as (

    select
        person_id,
        category_id,
        moment_at,
        is_order,
        order_id,
        paid_local_at,
        max(case when is_order = 0 then moment_at end) over (
            partition by person_id, category_id
            order by moment_at, is_order
            rows between unbounded preceding and current row
        ) as viewed_at
    from timeline

),

viewed_orders as (

    select last_views.order_id, last_views.category_id, last_views.paid_local_at as local_at
    from last_views
    inner join parameters
        on last_views.is_order = 1
        and {{ seconds_between('last_views.viewed_at', 'last_views.moment_at') }} <= 86400 * parameters.value

),

facts as (

    select order_id, {{ typed_null('id') }} as person_id, category_id, local_at
    from viewed_orders
    union all
    select {{ typed_null('id') }} as order_id, person_id, category_id, local_at
    from key_views

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'facts.local_at') }} as period_start,
        slices.dimension,
        case slices.dimension
            when 'all' then 'all'
            when 'category' then facts.category_id
        end as dimension_value,
        facts.order_id,
        facts.person_id
    from facts
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
        count(distinct order_id) as orders,
        count(distinct person_id) as viewers
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
        orders as numerator,
        viewers as denominator,
        {{ safe_divide('orders', 'viewers') }} as value,
        viewers as sample_size,
        true as is_matured
    from counted
    where {{ has_landed('landed', ['events', 'orders', 'order_items', 'products', 'key_categories']) }}

)

{{ kpi_rows('measured', 'ecommerce', ref('int_ecommerce__as_of')) }}
