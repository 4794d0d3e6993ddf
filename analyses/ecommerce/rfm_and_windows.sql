-- Question: whom to contact when, and how much is at stake?
-- Reads: RFM segments by the window in which their persons stand: up to 7, 14 and 30 days after the last order, or later. Shares add up
--   to 1. `usual_gap_days` is the median time between orders of those who buy again in the same favourite category;
--   `past_usual_gap_share` is who has been silent for longer than that. `leading_category` says what to offer.
-- To do: D7: thanks, service, the fitting add-on. D14: the second-order voucher. D30: recall with a benefit. later: winback, or let go
--   (hibernating). cannot_lose and at_risk first: most value per contact. One campaign per segment and window, content and frequency
--   tested against a control group (fct_experiment_results), its return in ec_winback_conversion_rate.
with

segments as (

    select * from {{ ref('rfm_segments') }}

),

orders as (

    select * from {{ ref('fct_orders') }}
    where is_valid

),

tastes as (

    select
        person_id,
        main_category,
        sum(paid_amount) as paid_amount
    from orders
    group by person_id, main_category

),

ranked as (

    select
        person_id,
        main_category,
        row_number() over (partition by person_id order by paid_amount desc, main_category) as place
    from tastes

),

favourites as (

    select
        person_id,
        main_category
    from ranked
    where place = 1

),

cycles as (

    select
        favourites.main_category,
        {{ percentile_cont('orders.days_since_previous', 0.5) }} as usual_gap_days
    from orders
    inner join favourites on orders.person_id = favourites.person_id
    group by favourites.main_category

),

described as (

    select
        segments.person_id,
        segments.segment,
        segments.recency_days,
        segments.frequency,
        segments.monetary,
        favourites.main_category,
        cycles.usual_gap_days,
        case
            when segments.recency_days <= 7 then 'D7'
            when segments.recency_days <= 14 then 'D14'
            when segments.recency_days <= 30 then 'D30'
            else 'later'
        end as contact_window
    from segments
    inner join favourites on segments.person_id = favourites.person_id
    left join cycles on favourites.main_category = cycles.main_category

),

category_persons as (

    select
        segment,
        contact_window,
        main_category,
        count(*) as persons
    from described
    group by segment, contact_window, main_category

),

leading_categories as (

    select
        segment,
        contact_window,
        {{ arg_min('main_category', ['-persons', 'main_category']) }} as leading_category
    from category_persons
    group by segment, contact_window

),

counted as (

    select
        segment,
        contact_window,
        count(*) as persons,
        sum(monetary) as gmv,
        avg(cast(frequency as double)) as orders_per_person,
        avg(cast(recency_days as double)) as days_since_last,
        avg(usual_gap_days) as usual_gap_days,
        {{ safe_divide(count_where('recency_days > usual_gap_days'), 'count(*)') }} as past_usual_gap_share
    from described
    group by segment, contact_window

)

select
    counted.segment,
    counted.contact_window,
    counted.persons,
    {{ safe_divide('counted.persons', 'sum(counted.persons) over ()') }} as person_share,
    counted.gmv,
    {{ safe_divide('counted.gmv', 'sum(counted.gmv) over ()') }} as gmv_share,
    {{ safe_divide('counted.gmv', 'counted.persons') }} as value_per_person,
    counted.orders_per_person,
    counted.days_since_last,
    counted.usual_gap_days,
    counted.past_usual_gap_share,
    leading_categories.leading_category
from counted
inner join leading_categories
    on counted.segment = leading_categories.segment and counted.contact_window = leading_categories.contact_window
order by value_per_person desc, counted.segment, counted.contact_window
