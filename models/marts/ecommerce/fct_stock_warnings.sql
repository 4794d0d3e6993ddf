with

stock_intervals as (

    select * from {{ ref('int_ecommerce__stock_intervals') }}

),

events as (

    select * from {{ ref('int_ecommerce__events') }}
    where event_name = 'view_item' and is_key_sku

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

alert_rules as (

    select * from {{ ref('stg_dictionary__alert_rules') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

rules as (           -- warns where the alert on a day's availability does

    select
        threshold_value as threshold,
        response_en,
        response_zh
    from alert_rules
    where rule_id = 'ec_al_availability'

),

parameters as (

    select
        max(value) filter (where parameter = 'demand_days') as demand_days,
        max(value) filter (where parameter = 'cover_days') as cover_days
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_rule_stock_warning' and version = 1

),

pieces as (

    {{ stock_by_day('stock_intervals') }}

),

sku_days as (

    select
        sku_id,
        category_id,
        stock_date,
        sum(minutes) as on_sale_minutes,
        sum(case when is_in_stock then minutes else 0 end) as in_stock_minutes,
        min(case when not is_in_stock then piece_from end) as first_out_at,
        {{ arg_max('is_in_stock', 'piece_from') }} as is_in_stock_at_end
    from pieces
    group by sku_id, category_id, stock_date

),

warnings as (

    select
        sku_days.sku_id,
        sku_days.category_id,
        sku_days.stock_date,
        sku_days.on_sale_minutes,
        sku_days.on_sale_minutes - sku_days.in_stock_minutes as out_of_stock_minutes,
        {{ safe_divide('sku_days.in_stock_minutes', 'sku_days.on_sale_minutes') }} as availability,
        sku_days.first_out_at,
        not sku_days.is_in_stock_at_end as is_out_at_end,
        rules.threshold,
        rules.response_en,
        rules.response_zh,
        -- days in a row share the date less their place
        {{ add_days('sku_days.stock_date', '-row_number() over (partition by sku_days.sku_id order by sku_days.stock_date)') }} as run_key
    from sku_days
    cross join rules
    where {{ safe_divide('sku_days.in_stock_minutes', 'sku_days.on_sale_minutes') }} < rules.threshold

),

views as (

    select
        sku_id,
        event_date,
        count(*) as item_views
    from events
    group by sku_id, event_date

),

sales as (

    select
        order_items.sku_id,
        orders.paid_date,
        sum(order_items.quantity) as quantity
    from orders
    inner join order_items on orders.order_id = order_items.order_id
    group by order_items.sku_id, orders.paid_date

),

sales_start as (

    select min(paid_date) as first_paid_date
    from sales

),

demand as (          -- pieces a day over the days before the warning, as far as sales are known

    select
        warnings.sku_id,
        warnings.stock_date,
        coalesce(sum(sales.quantity), 0) as quantity,
        max({{ least_of(['parameters.demand_days', days_between_dates('sales_start.first_paid_date', 'warnings.stock_date')]) }}) as known_days
    from warnings
    cross join parameters
    cross join sales_start
    left join sales
        on warnings.sku_id = sales.sku_id
        and sales.paid_date < warnings.stock_date
        and sales.paid_date >= {{ add_days('warnings.stock_date', '-parameters.demand_days') }}
    group by warnings.sku_id, warnings.stock_date

),

measured as (

    select
        warnings.sku_id,
        products.name as sku_name,
        warnings.category_id,
        warnings.stock_date,
        warnings.on_sale_minutes,
        warnings.out_of_stock_minutes,
        warnings.availability,
        warnings.threshold,
        warnings.first_out_at,
        warnings.is_out_at_end,
        row_number() over (partition by warnings.sku_id, warnings.run_key order by warnings.stock_date) as days_in_a_row,
        coalesce(views.item_views, 0) as item_views,
        case when demand.known_days > 0 then {{ safe_divide('demand.quantity', 'demand.known_days') }} end as daily_demand,
        parameters.cover_days,
        warnings.response_en,
        warnings.response_zh
    from warnings
    cross join parameters
    inner join demand on warnings.sku_id = demand.sku_id and warnings.stock_date = demand.stock_date
    left join views on warnings.sku_id = views.sku_id and warnings.stock_date = views.event_date
    left join products on warnings.sku_id = products.sku_id

)

select
    {{ as_text('measured.sku_id') }} as sku_id,
    {{ as_text('measured.sku_name') }} as sku_name,
    {{ as_text('measured.category_id') }} as category_id,
    measured.stock_date,
    cast(measured.on_sale_minutes as double) as on_sale_minutes,
    cast(measured.out_of_stock_minutes as double) as out_of_stock_minutes,
    measured.availability,
    cast(measured.threshold as double) as threshold,
    {{ to_local('measured.first_out_at', "'" ~ var('business_timezone') ~ "'") }} as first_out_local_at,
    measured.is_out_at_end,
    cast(measured.days_in_a_row as int) as days_in_a_row,
    cast(measured.item_views as bigint) as item_views,
    measured.daily_demand,
    measured.daily_demand * (1 - measured.availability) as lost_pieces,
    cast(ceil(measured.daily_demand * measured.cover_days) as bigint) as reorder_level,
    {{ as_text('measured.response_en') }} as response_en,
    {{ as_text('measured.response_zh') }} as response_zh,
    cast({{ add_days('measured.stock_date', 1) }} as {{ type_ts() }}) <= horizon.as_of as is_final,
    cast(horizon.as_of as {{ type_ts() }}) as as_of
from measured
cross join horizon
