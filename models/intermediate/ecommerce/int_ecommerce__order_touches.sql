with

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

touches as (

    select * from {{ ref('stg_ecommerce__ad_touches') }}

),

touch_persons as (

    select * from {{ ref('int_ecommerce__touch_persons') }}

),

windows as (

    select
        case parameter when 'click_window_days' then 'click' when 'impression_window_days' then 'impression' end as kind,
        value * 86400 as window_seconds
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_mta_coverage_rate' and version = 1

),

personal as (

    select
        touches.touch_id,
        touches.kind,
        touches.channel,
        touches.campaign_id,
        touches.touched_at,
        touch_persons.person_id,
        windows.window_seconds
    from touches
    inner join touch_persons on touches.touch_id = touch_persons.request_id
    inner join windows on touches.kind = windows.kind

),

matched as (

    select
        orders.order_id,
        orders.person_id,
        orders.paid_at,
        orders.paid_local_at,
        orders.paid_date,
        orders.paid_amount,
        personal.touch_id,
        personal.kind,
        personal.channel,
        personal.campaign_id,
        personal.touched_at
    from orders
    inner join personal
        on
            orders.person_id = personal.person_id
            and personal.touched_at <= orders.paid_at
            and {{ add_seconds('personal.touched_at', 'personal.window_seconds') }} >= orders.paid_at

)

select
    order_id,
    person_id,
    paid_at,
    paid_local_at,
    paid_date,
    paid_amount,
    touch_id,
    kind,
    channel,
    campaign_id,
    touched_at,
    cast(row_number() over (partition by order_id order by touched_at, touch_id) as int) as touch_no,
    cast(count(*) over (partition by order_id) as int) as order_touches
from matched
