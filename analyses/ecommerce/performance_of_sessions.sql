-- Question: do slow pages, errors and failed payments cost conversions, and how many?
-- Reads: sessions of the newest closed period in the classes of one trait each: the median latency of their page views around the two
--   seconds of ec_fast_first_screen_share, page errors, failed payments of their checkouts. `conversion_rate` is sessions with a valid
--   order by sessions; `orders_at_best` is how many more there would be at the rate of the trait's untroubled class.
-- To do: slow or crashing sessions that convert clearly less: performance and stability come first (the source document sees the best
--   return on CVR there). Failed payments: change the gateway's routing, review risk rules. No difference: look elsewhere.
-- A correlation: slow sessions may differ in device or place too; an experiment settles it (fct_experiment_results).
-- Other periods: --vars '{analysis_grain: week}'.
with

sessions as (

    select * from {{ ref('fct_sessions') }}

),

events as (

    select * from {{ ref('int_ecommerce__events') }}

),

attempts as (

    select * from {{ ref('stg_ecommerce__payment_attempts') }}

),

parameters as (

    select value as fast_ms
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_fast_first_screen_share' and version = 1 and parameter = 'latency_max_ms'

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

dated as (

    select
        sessions.*,
        {{ start_of(var('analysis_grain', 'month'), 'sessions.started_local_at') }} as period_start
    from sessions

),

newest as (

    select max(dated.period_start) as period_start
    from dated
    cross join horizon
    where {{ end_of(var('analysis_grain', 'month'), 'dated.period_start') }} <= horizon.as_of

),

latencies as (

    select
        session_id,
        {{ percentile_cont('latency_ms', 0.5) }} as median_latency_ms
    from events
    where event_name = 'page_view' and latency_ms >= 0
    group by session_id

),

checkouts as (

    select distinct session_id, checkout_id
    from events
    where checkout_id is not null

),

payments as (

    select
        checkouts.session_id,
        {{ any_true('not attempts.succeeded') }} as has_failed_payment
    from checkouts
    inner join attempts on checkouts.checkout_id = attempts.checkout_id
    group by checkouts.session_id

),

described as (

    select
        dated.period_start,
        dated.valid_orders > 0 as is_converted,
        case
            when latencies.median_latency_ms is null then 'unknown'
            when latencies.median_latency_ms <= parameters.fast_ms then '1 fast'
            when latencies.median_latency_ms <= 2 * parameters.fast_ms then '2 slow'
            else '3 very slow'
        end as first_screen,
        case when dated.page_errors > 0 then '2 errors' else '1 no error' end as errors,
        case
            when payments.has_failed_payment is null then 'unknown'
            when payments.has_failed_payment then '2 failed payment'
            else '1 payments succeed'
        end as payment
    from dated
    inner join newest on dated.period_start = newest.period_start
    cross join parameters
    left join latencies on dated.session_id = latencies.session_id
    left join payments on dated.session_id = payments.session_id

),

by_trait as (

    {% for trait in ['first_screen', 'errors', 'payment'] -%}
    select period_start, '{{ trait }}' as trait, {{ trait }} as class, is_converted from described
    {{ "union all" if not loop.last }}
    {% endfor %}

),

counted as (

    select
        period_start,
        trait,
        class,
        count(*) as sessions,
        {{ count_where('is_converted') }} as converted_sessions,
        {{ safe_divide(count_where('is_converted'), 'count(*)') }} as conversion_rate
    from by_trait
    group by period_start, trait, class

),

compared as (

    select
        counted.*,
        max(case when class like '1 %' then conversion_rate end) over (partition by trait) as best_rate
    from counted

)

select
    period_start,
    trait,
    class,
    sessions,
    converted_sessions,
    {{ safe_divide('sessions', 'sum(sessions) over (partition by trait)') }} as session_share,
    conversion_rate,
    conversion_rate - best_rate as rate_difference,
    case when class <> 'unknown' then sessions * (best_rate - conversion_rate) end as orders_at_best
from compared
order by trait, class
