with

orders as (

    select * from {{ ref('stg_ecommerce__orders') }}

),

order_items as (

    select * from {{ ref('stg_ecommerce__order_items') }}

),

refunds as (

    select * from {{ ref('stg_ecommerce__refunds') }}

),

user_persons as (

    select * from {{ ref('int_ecommerce__user_persons') }}

),

test_orders as (

    select * from {{ ref('int_ecommerce__test_orders') }}

),

refund_rule as (

    select cast(value as {{ type_money() }}) as tolerance
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_rule_valid_order' and version = 1 and parameter = 'refund_tolerance'

),

refunded as (

    select
        order_id,
        count(*) as refund_count,
        sum(amount) as refunded_amount
    from refunds
    group by order_id

),

line_costs as (

    -- null where a line lacks its cost
    select
        order_id,
        case when count(*) = count(unit_cost) then sum({{ times_money('quantity', 'unit_cost') }}) end as line_cost
    from order_items
    group by order_id

),

paid as (

    select
        orders.order_id,
        orders.user_id,
        {{ person_of_user('user_persons.person_id', 'orders.user_id') }} as person_id,
        orders.created_at,
        orders.paid_at,
        {{ to_local('orders.paid_at', "'" ~ var('business_timezone') ~ "'") }} as paid_local_at,
        coalesce(orders.platform, 'unknown') as platform,
        coalesce(orders.entry, 'unknown') as entry,
        orders.campaign_id,
        orders.gross_amount,
        orders.discount_amount,
        orders.paid_amount,
        coalesce(refunded.refund_count, 0) as refund_count,
        coalesce(refunded.refunded_amount, 0) as refunded_amount,
        coalesce(orders.cost_amount, line_costs.line_cost) as cost_amount,
        coalesce(refunded.refunded_amount < orders.paid_amount - refund_rule.tolerance, true) as is_valid
    from orders
    cross join refund_rule
    left join user_persons on orders.user_id = user_persons.user_id
    left join test_orders on orders.order_id = test_orders.order_id
    left join refunded on orders.order_id = refunded.order_id
    left join line_costs on orders.order_id = line_costs.order_id
    where orders.paid_at is not null and test_orders.order_id is null

)

select
    order_id,
    user_id,
    person_id,
    created_at,
    paid_at,
    paid_local_at,
    {{ date_of('paid_local_at') }} as paid_date,
    platform,
    entry,
    campaign_id,
    gross_amount,
    discount_amount,
    paid_amount,
    refund_count,
    refunded_amount,
    cost_amount,
    is_valid,
    case when is_valid then rank() over (partition by person_id, is_valid order by paid_at) end as valid_order_rank
from paid
