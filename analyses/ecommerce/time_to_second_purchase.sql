-- Question: has the second purchase moved to the right (later), and for whom?
-- Reads: buyers by cohort month whose window of the 90-day repurchase rate is over (so that no cohort looks fast because its slow ones
--   are still missing), by delivery, category, membership and channel of the first order: quartiles of the days to the second order
--   inside the window, and the shift of the median against the cohort before. `service` columns show what may lie behind it.
-- To do: the median shifts right where deliveries are late: fulfilment. Where refunds or bad ratings rose: quality and service. In
--   one category only: its cycle is longer, time the recall accordingly (rfm_and_windows.sql). Everywhere: incentive and contact.
with

every_buyer as (

    select * from {{ ref('dim_buyers') }}

),

closed_cohorts as (

    select cohort_month
    from every_buyer
    group by cohort_month
    having {{ all_true('is_final') }}

),

buyers as (

    select every_buyer.*
    from every_buyer
    inner join closed_cohorts on every_buyer.cohort_month = closed_cohorts.cohort_month

),

first_orders as (

    select
        order_id,
        refund_count
    from {{ ref('fct_orders') }}

),

bad_ratings as (

    select
        order_id,
        {{ any_true('is_bad') }} as is_bad
    from {{ ref('int_ecommerce__tickets') }}
    where order_id is not null
    group by order_id

),

described as (

    select
        buyers.cohort_month,
        buyers.delivery,
        buyers.first_category,
        buyers.member_status,
        buyers.acquisition_channel,
        case when buyers.is_second_in_window then buyers.days_to_second end as days_to_second,
        case when buyers.delivery = 'late' then 1.0 when buyers.delivery = 'on_time' then 0.0 end as is_late,
        case when first_orders.refund_count > 0 then 1.0 else 0.0 end as is_refunded,
        case when bad_ratings.is_bad then 1.0 else 0.0 end as is_rated_bad
    from buyers
    left join first_orders on buyers.first_order_id = first_orders.order_id
    left join bad_ratings on buyers.first_order_id = bad_ratings.order_id

),

sliced as (

    {% for dimension in ['all', 'delivery', 'first_category', 'member_status', 'acquisition_channel'] -%}
    select
        cohort_month,
        '{{ dimension }}' as dimension,
        {{ "'all'" if dimension == 'all' else dimension }} as dimension_value,
        days_to_second,
        is_late,
        is_refunded,
        is_rated_bad
    from described
    {{ "union all" if not loop.last }}
    {% endfor %}

),

measured as (

    select
        cohort_month,
        dimension,
        dimension_value,
        count(*) as buyers,
        count(days_to_second) as second_orders,
        {{ safe_divide('count(days_to_second)', 'count(*)') }} as repurchase_rate,
        {{ percentile_cont('days_to_second', 0.25) }} as days_p25,
        {{ percentile_cont('days_to_second', 0.5) }} as days_p50,
        {{ percentile_cont('days_to_second', 0.75) }} as days_p75,
        avg(is_late) as service_late_share,
        avg(is_refunded) as service_refunded_share,
        avg(is_rated_bad) as service_bad_rating_share
    from sliced
    group by cohort_month, dimension, dimension_value

)

select
    cohort_month,
    dimension,
    dimension_value,
    buyers,
    second_orders,
    repurchase_rate,
    days_p25,
    days_p50,
    days_p75,
    days_p50 - lag(days_p50) over (partition by dimension, dimension_value order by cohort_month) as median_shift,
    service_late_share,
    service_refunded_share,
    service_bad_rating_share
from measured
order by dimension, dimension_value, cohort_month desc
