-- Question: what may a second order cost, given what a buyer is worth later?
-- Reads: cohort months by channel of the first order: cost of the first and of the second order against the margin per buyer so far. Months
--   whose windows are still open are marked; costs are null where the spending of their time is not known.
-- To do: the second order costs more than the margin it brings (`second_order_pays` false): fewer discounts, earlier contact, another
--   channel; it pays well: room for a stronger benefit (tiered benefits, next-month boosters).
with

costs as (

    select * from {{ ref('fct_second_order_cost') }}
    where dimension in ('all', 'acquisition_channel')

),

lifetimes as (

    select * from {{ ref('fct_customer_value') }}

),

latest as (

    select
        cohort_month,
        dimension,
        dimension_value,
        max(month_no) as months_observed,
        {{ arg_max('lifetime_value', 'month_no') }} as lifetime_value,
        {{ arg_max('lifetime_margin', 'month_no') }} as lifetime_margin,
        {{ arg_max('has_paid_back', 'month_no') }} as has_paid_back,
        {{ arg_max(safe_divide('margin_to_date', 'net_revenue_to_date'), 'month_no') }} as margin_rate
    from lifetimes
    group by cohort_month, dimension, dimension_value

)

select
    costs.cohort_month,
    costs.dimension,
    costs.dimension_value,
    costs.cohort_persons,
    costs.second_orders,
    costs.repurchase_rate,
    costs.cost_of_first_order,
    costs.cost_of_second_order,
    {{ safe_divide('costs.second_gmv', 'costs.second_orders') }} * latest.margin_rate as margin_of_second_order,
    {{ safe_divide('costs.second_gmv', 'costs.second_orders') }} * latest.margin_rate > costs.cost_of_second_order as second_order_pays,
    latest.months_observed,
    latest.lifetime_value,
    latest.lifetime_margin,
    latest.has_paid_back,
    costs.is_final
from costs
left join latest
    on
        costs.cohort_month = latest.cohort_month
        and costs.dimension = latest.dimension
        and costs.dimension_value = latest.dimension_value
order by costs.dimension, costs.dimension_value, costs.cohort_month desc
