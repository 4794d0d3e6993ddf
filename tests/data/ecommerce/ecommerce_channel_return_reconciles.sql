-- Every credit is counted once in the return of the channels: orders and GMV by model are those of the attribution.
with

attributed as (

    select
        model,
        sum(credit) as orders,
        sum(credited_gmv) as gmv
    from {{ ref('fct_attribution') }}
    group by model

),

returned as (

    select
        model,
        sum(credited_orders) as orders,
        sum(credited_gmv) as gmv
    from {{ ref('fct_channel_return') }}
    group by model

)

select
    attributed.model,
    attributed.orders as expected_orders,
    returned.orders,
    attributed.gmv as expected_gmv,
    returned.gmv
from attributed
left join returned on attributed.model = returned.model
where
    returned.model is null
    or abs(attributed.orders - returned.orders) > 1e-6 * attributed.orders
    or abs(attributed.gmv - returned.gmv) > 1e-6 * abs(attributed.gmv) + 0.01
