-- GMV by day, platform, category share and order mart is one and the same amount.
with

mart as (

    select cast(coalesce(sum(paid_amount) filter (where is_valid), 0) as double) as gmv
    from {{ ref('fct_orders') }}

),

published as (

    select kpi_id, period_grain, dimension, sum(numerator) as gmv
    from {{ ref('kpi_ec_order_value') }}
    where kpi_id = 'ec_gmv'
    group by kpi_id, period_grain, dimension
    union all
    select kpi_id, period_grain, dimension, sum(denominator) as gmv
    from {{ ref('kpi_ec_repeat_gmv') }}
    group by kpi_id, period_grain, dimension

)

select published.kpi_id, published.period_grain, published.dimension, published.gmv, mart.gmv as mart_gmv
from published
cross join mart
where abs(published.gmv - mart.gmv) > 1e-6 * greatest(1, mart.gmv)
