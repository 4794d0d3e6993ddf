-- Question: at which step of the funnel does the shop lose the buyers that it had the period before?
-- Reads: sessions of the newest closed period by platform, step by step (a session reaches a step if it has such an event, or one of a
--   later step). `step_rate` is the share of the sessions of the step before; `lost_sessions` is what this step would have passed on at
--   the rate of the period before, less what it did; the largest is marked.
-- To do: view to cart fell: content, price or stock of the articles (dq_price_stock_consistency, fct_stock_warnings, ec_price_competitiveness).
--   Cart to checkout fell: thresholds of promotions too hard to grasp, distraction in the cart. Checkout to purchase fell: payment, risk
--   control, conflicting coupons (performance_of_sessions.sql, ec_payment_failure_rate by gateway).
-- Sessions, not the units of ec_pdp_atc_rate and its sisters (events over persons), so that each step is a share of the one before.
-- Other periods: --vars '{analysis_grain: week}'.
with

sessions as (

    select * from {{ ref('fct_sessions') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

reached as (

    select
        {{ start_of(var('analysis_grain', 'month'), 'started_local_at') }} as period_start,
        platform,
        purchases > 0 as has_purchase,
        purchases + checkouts_begun > 0 as has_checkout,
        purchases + checkouts_begun + cart_additions > 0 as has_cart,
        purchases + checkouts_begun + cart_additions + item_views > 0 as has_view
    from sessions

),

by_platform as (

    select period_start, platform, has_view, has_cart, has_checkout, has_purchase from reached
    union all
    select period_start, 'all' as platform, has_view, has_cart, has_checkout, has_purchase from reached

),

counted as (

    select
        period_start,
        platform,
        count(*) as sessions,
        {{ count_where('has_view') }} as views,
        {{ count_where('has_cart') }} as carts,
        {{ count_where('has_checkout') }} as checkouts,
        {{ count_where('has_purchase') }} as purchases
    from by_platform
    group by period_start, platform

),

steps as (

    {% for number, step, before, after in [
        (1, 'session to view', 'sessions', 'views'),
        (2, 'view to cart', 'views', 'carts'),
        (3, 'cart to checkout', 'carts', 'checkouts'),
        (4, 'checkout to purchase', 'checkouts', 'purchases'),
    ] -%}
    select period_start, platform, {{ number }} as step_no, '{{ step }}' as step, {{ before }} as entered, {{ after }} as passed
    from counted
    {{ "union all" if not loop.last }}
    {% endfor %}

),

compared as (

    select
        steps.*,
        {{ safe_divide('passed', 'entered') }} as step_rate,
        lag({{ safe_divide('passed', 'entered') }}) over (partition by platform, step_no order by period_start) as previous_step_rate
    from steps

),

newest as (

    select max(compared.period_start) as period_start
    from compared
    cross join horizon
    where {{ end_of(var('analysis_grain', 'month'), 'compared.period_start') }} <= horizon.as_of

),

losses as (

    select
        compared.*,
        compared.entered * (compared.previous_step_rate - compared.step_rate) as lost_sessions
    from compared
    inner join newest on compared.period_start = newest.period_start

)

select
    period_start,
    platform,
    step_no,
    step,
    entered,
    passed,
    step_rate,
    previous_step_rate,
    step_rate - previous_step_rate as rate_change,
    lost_sessions,
    coalesce(lost_sessions > 0 and lost_sessions = max(lost_sessions) over (partition by platform), false) as is_largest_loss,
    case step_no
        when 1 then 'landing page and traffic: cvr_by_key_page_path.sql'
        when 2 then 'content, price, stock: dq_price_stock_consistency, fct_stock_warnings'
        when 3 then 'promotion thresholds, distraction in the cart'
        else 'payment, risk control, conflicting coupons: performance_of_sessions.sql'
    end as look_at
from losses
order by platform, step_no
