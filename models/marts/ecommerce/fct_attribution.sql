with

order_touches as (

    select * from {{ ref('int_ecommerce__order_touches') }}

),

removal_effects as (

    select * from {{ ref('int_ecommerce__removal_effects') }}

),

weights as (

    select
        max(value) filter (where parameter = 'position_first_weight') as first_weight,
        max(value) filter (where parameter = 'position_middle_weight') as middle_weight,
        max(value) filter (where parameter = 'position_last_weight') as last_weight,
        max(value) filter (where parameter = 'position_two_touch_weight') as two_touch_weight,
        max(value) filter (where parameter = 'position_single_touch_weight') as single_touch_weight
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_rule_attribution' and version = 1

),

position_credits as (

    select
        order_touches.order_id,
        'position' as model,
        order_touches.touch_id,
        case
            when order_touches.order_touches = 1 then weights.single_touch_weight
            when order_touches.order_touches = 2 then weights.two_touch_weight
            when order_touches.touch_no = 1 then weights.first_weight
            when order_touches.touch_no = order_touches.order_touches then weights.last_weight
            else weights.middle_weight / (order_touches.order_touches - 2)
        end as credit
    from order_touches
    cross join weights

),

last_touches as (

    -- the last click, else the last impression
    select
        order_id,
        touch_id,
        row_number() over (
            partition by order_id
            order by case kind when 'click' then 0 else 1 end, touch_no desc
        ) as recency
    from order_touches

),

last_click_credits as (

    select
        order_id,
        'last_click' as model,
        touch_id,
        case when recency = 1 then cast(1 as double) else cast(0 as double) end as credit
    from last_touches

),

markov_credits as (

    select
        order_touches.order_id,
        'markov' as model,
        order_touches.touch_id,
        removal_effects.removal_effect
        / sum(removal_effects.removal_effect) over (partition by order_touches.order_id) as credit
    from order_touches
    inner join removal_effects
        on
            {{ month_start('order_touches.paid_date') }} = removal_effects.month_date
            and order_touches.channel = removal_effects.channel

),

credits as (

    select order_id, model, touch_id, credit from position_credits
    union all
    select order_id, model, touch_id, credit from last_click_credits
    union all
    select order_id, model, touch_id, credit from markov_credits

)

select
    {{ as_text('order_touches.order_id') }} as order_id,
    {{ as_text('credits.model') }} as model,
    {{ as_text('order_touches.touch_id') }} as touch_id,
    {{ as_text('order_touches.channel') }} as channel,
    {{ as_text('order_touches.campaign_id') }} as campaign_id,
    {{ as_text('order_touches.kind') }} as kind,
    {{ as_text('order_touches.person_id') }} as person_id,
    order_touches.touched_at,
    order_touches.paid_local_at,
    order_touches.paid_date,
    order_touches.touch_no,
    order_touches.order_touches,
    cast(credits.credit as double) as credit,
    cast(credits.credit * cast(order_touches.paid_amount as double) as double) as credited_gmv
from credits
inner join order_touches on credits.order_id = order_touches.order_id and credits.touch_id = order_touches.touch_id
