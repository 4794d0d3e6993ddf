with

events as (

    select * from {{ ref('int_ecommerce__events') }}
    where event_name = 'view_item' and sku_id is not null

),

shown as (

    select
        event_id,
        price,
        stock
    from {{ ref('stg_ecommerce__events') }}
    where event_name = 'view_item' and (price is not null or stock is not null)

),

price_comparisons as (

    select * from {{ ref('stg_ecommerce__price_comparisons') }}

),

inventory_snapshots as (

    select * from {{ ref('stg_ecommerce__inventory_snapshots') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

rules as (

    select
        max(value) filter (where metric_id = 'ec_price_competitiveness' and parameter = 'comparison_max_hours') as price_max_hours,
        max(value) filter (where metric_id = 'ec_key_sku_availability' and parameter = 'snapshot_max_hours') as stock_max_hours,
        max(value) filter (where metric_id = 'ec_key_sku_availability' and parameter = 'min_available_qty') as min_qty,
        max(value) filter (where metric_id = 'ec_rule_price_stock' and parameter = 'price_tolerance') as price_tolerance
    from parameters

),

timeline as (        -- a snapshot stands before the views of the same instant

    select
        sku_id,
        'price' as attribute,
        compared_at as moment_at,
        0 as is_view,
        compared_at as snapshot_at,
        cast(own_price as double) as snapshot_value,
        {{ typed_null('id') }} as event_id,
        {{ typed_null('date') }} as event_date,
        cast(null as double) as shown_value
    from price_comparisons
    union all
    select
        sku_id,
        'stock' as attribute,
        snapshot_at as moment_at,
        0 as is_view,
        snapshot_at,
        cast(available_qty as double) as snapshot_value,
        {{ typed_null('id') }} as event_id,
        {{ typed_null('date') }} as event_date,
        cast(null as double) as shown_value
    from inventory_snapshots
    {% for attribute in ['price', 'stock'] -%}
    union all
    select
        events.sku_id,
        '{{ attribute }}' as attribute,
        events.event_at as moment_at,
        1 as is_view,
        {{ typed_null('ts') }} as snapshot_at,
        cast(null as double) as snapshot_value,
        events.event_id,
        events.event_date,
        cast(shown.{{ attribute }} as double) as shown_value
    from events
    inner join shown on events.event_id = shown.event_id
    where shown.{{ attribute }} is not null
    {% endfor %}

),

looked_back as (

    select
        sku_id,
        attribute,
        moment_at,
        is_view,
        event_id,
        event_date,
        shown_value,
        {{ last_value_ignore_nulls('snapshot_at') }} over looking_back as snapshot_at,
        {{ last_value_ignore_nulls('snapshot_value') }} over looking_back as snapshot_value
    from timeline
    window looking_back as (
        partition by attribute, sku_id
        order by moment_at, is_view
        rows between unbounded preceding and current row
    )

),

judged as (

    select
        looked_back.sku_id,
        looked_back.attribute,
        looked_back.event_date,
        looked_back.event_id,
        looked_back.moment_at,
        looked_back.shown_value,
        looked_back.snapshot_value,
        case looked_back.attribute
            when 'price' then abs(looked_back.shown_value - looked_back.snapshot_value) > rules.price_tolerance
            else (looked_back.shown_value >= rules.min_qty) <> (looked_back.snapshot_value >= rules.min_qty)
        end as is_contradiction,
        looked_back.shown_value > looked_back.snapshot_value as is_shown_higher
    from looked_back
    cross join rules
    where
        looked_back.is_view = 1
        and {{ seconds_between('looked_back.snapshot_at', 'looked_back.moment_at') }}
        <= 3600 * case looked_back.attribute when 'price' then rules.price_max_hours else rules.stock_max_hours end

),

summed as (

    select
        sku_id,
        attribute,
        event_date,
        count(*) as checked_views,
        {{ count_where('is_contradiction') }} as contradicting_views,
        {{ count_where('is_contradiction and is_shown_higher') }} as shown_too_high,
        {{ count_where('is_contradiction and not is_shown_higher') }} as shown_too_low,
        max(case when is_contradiction then abs(shown_value - snapshot_value) end) as largest_difference,
        {{ arg_min('event_id', ['moment_at', 'event_id'], where='is_contradiction') }} as first_event_id
    from judged
    group by sku_id, attribute, event_date

)

select
    {{ as_text('summed.sku_id') }} as sku_id,
    summed.event_date,
    {{ as_text('summed.attribute') }} as attribute,
    cast(summed.checked_views as bigint) as checked_views,
    cast(summed.contradicting_views as bigint) as contradicting_views,
    cast(summed.shown_too_high as bigint) as shown_too_high,
    cast(summed.shown_too_low as bigint) as shown_too_low,
    {{ safe_divide('summed.contradicting_views', 'summed.checked_views') }} as contradicting_share,
    cast(summed.largest_difference as double) as largest_difference,
    {{ as_text('summed.first_event_id') }} as first_event_id,
    cast(horizon.as_of as {{ type_ts() }}) as as_of
from summed
cross join horizon
where summed.contradicting_views > 0
