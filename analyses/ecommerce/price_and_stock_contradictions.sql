-- Question: do product pages show prices or stock that are not true, and do they cost conversions?
-- Reads: articles with views that contradict the snapshots (dq_price_stock_consistency), over the whole time, with the sales of the article
--   on such days and on its other days with views.
-- To do: stock shown that is not there: cache and feed of the product page, then the warehouse's count. Wrong price: the price feed, and
--   whoever was promised the lower price. Few views behind a row: wait for more.
with

contradictions as (

    select * from {{ ref('dq_price_stock_consistency') }}

),

views as (

    select
        sku_id,
        event_date,
        count(*) as item_views
    from {{ ref('int_ecommerce__events') }}
    where event_name = 'view_item' and sku_id is not null
    group by sku_id, event_date

),

sales as (

    select
        order_items.sku_id,
        orders.paid_date,
        count(distinct orders.order_id) as valid_orders
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('stg_ecommerce__order_items') }} as order_items on orders.order_id = order_items.order_id
    where orders.is_valid
    group by order_items.sku_id, orders.paid_date

),

articles as (

    select
        sku_id,
        attribute,
        count(*) as days,
        sum(checked_views) as checked_views,
        sum(contradicting_views) as contradicting_views,
        sum(shown_too_high) as shown_too_high,
        sum(shown_too_low) as shown_too_low,
        max(largest_difference) as largest_difference,
        max(event_date) as last_date,
        {{ arg_max('first_event_id', 'event_date') }} as example_event_id
    from contradictions
    group by sku_id, attribute

),

article_days as (

    select
        articles.sku_id,
        articles.attribute,
        contradictions.sku_id is not null as is_contradicted,
        views.item_views,
        coalesce(sales.valid_orders, 0) as valid_orders
    from articles
    inner join views on articles.sku_id = views.sku_id
    left join contradictions
        on
            articles.sku_id = contradictions.sku_id
            and articles.attribute = contradictions.attribute
            and views.event_date = contradictions.event_date
    left join sales on views.sku_id = sales.sku_id and views.event_date = sales.paid_date

),

rates as (

    select
        sku_id,
        attribute,
        {{ safe_divide('sum(case when is_contradicted then valid_orders end)', 'sum(case when is_contradicted then item_views end)') }} as orders_per_view,
        {{ safe_divide('sum(case when not is_contradicted then valid_orders end)', 'sum(case when not is_contradicted then item_views end)') }} as orders_per_view_otherwise
    from article_days
    group by sku_id, attribute

)

select
    articles.sku_id,
    articles.attribute,
    articles.days,
    articles.checked_views,
    articles.contradicting_views,
    {{ safe_divide('articles.contradicting_views', 'articles.checked_views') }} as contradicting_share,
    articles.shown_too_high,
    articles.shown_too_low,
    articles.largest_difference,
    rates.orders_per_view,
    rates.orders_per_view_otherwise,
    articles.last_date,
    articles.example_event_id
from articles
inner join rates on articles.sku_id = rates.sku_id and articles.attribute = rates.attribute
order by articles.contradicting_views desc, articles.sku_id, articles.attribute
