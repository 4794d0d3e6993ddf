-- The shares of a Pareto add up to 1 and its last cumulative share is 1.
with

pareto as (

    select * from {{ ref('fct_pareto') }}

)

select
    pareto,
    period_grain,
    period_start,
    dimension,
    dimension_value
from pareto
group by pareto, period_grain, period_start, dimension, dimension_value
having abs(sum(share) - 1) > 0.000001 or abs(max(cumulative_share) - 1) > 0.000001
