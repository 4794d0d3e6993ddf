-- Every valid order with touches is credited once in full by each of the three models.
with

credits as (

    select
        order_id,
        model,
        sum(credit) as credit,
        sum(credited_gmv) as credited_gmv
    from {{ ref('fct_attribution') }}
    group by order_id, model

),

touched as (

    select order_id, max(paid_amount) as paid_amount
    from {{ ref('int_ecommerce__order_touches') }}
    group by order_id

),

models as (

    select 'position' as model
    union all
    select 'last_click' as model
    union all
    select 'markov' as model

)

select
    touched.order_id,
    models.model,
    credits.credit,
    credits.credited_gmv,
    touched.paid_amount
from touched
cross join models
left join credits on touched.order_id = credits.order_id and models.model = credits.model
where
    credits.credit is null
    or abs(credits.credit - 1) > 1e-9
    or abs(credits.credited_gmv - touched.paid_amount) > 1e-6
