with

orders as (

    select * from {{ ref('int_ecommerce__orders') }}

),

member_spells as (

    select * from {{ ref('int_ecommerce__member_spells') }}

),

landed as (

    select {{ any_true('has_rows') }} as has_members
    from {{ ref('stg_ecommerce__landed') }}
    where table_name = 'members'

),

member_orders as (

    select orders.order_id
    from orders
    inner join member_spells
        on
            orders.person_id = member_spells.person_id
            and orders.paid_at >= member_spells.joined_at
            and (member_spells.left_at is null or orders.paid_at < member_spells.left_at)

)

select
    orders.order_id,
    case
        when not coalesce(landed.has_members, false) then 'unknown'
        when member_orders.order_id is not null then 'member'
        else 'non_member'
    end as member_status
from orders
cross join landed
left join member_orders on orders.order_id = member_orders.order_id
