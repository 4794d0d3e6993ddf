with

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

rules as (

    select
        max(value) filter (where parameter = 'window_days') as window_days,
        max(value) filter (where parameter = 'score_levels') as score_levels,
        max(value) filter (where parameter = 'score_high_from') as score_high_from,
        max(value) filter (where parameter = 'score_low_to') as score_low_to
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_rule_rfm' and version = 1

),

persons as (

    select
        orders.person_id,
        min(orders.paid_date) as first_paid_date,
        max(orders.paid_date) as last_paid_date,
        min({{ days_between_dates('orders.paid_date', date_of('horizon.as_of')) }}) as recency_days,
        count(*) as frequency,
        sum(orders.paid_amount) as monetary
    from orders
    cross join horizon
    cross join rules
    where {{ days_between_dates('orders.paid_date', date_of('horizon.as_of')) }} <= rules.window_days
    group by orders.person_id

),

ranked as (

    -- share of persons that are strictly worse; equal values are equally good
    select
        person_id,
        first_paid_date,
        last_paid_date,
        recency_days,
        frequency,
        monetary,
        percent_rank() over (order by recency_days desc) as recency_rank,
        percent_rank() over (order by frequency) as frequency_rank,
        percent_rank() over (order by monetary) as monetary_rank
    from persons

),

scored as (

    select
        ranked.person_id,
        ranked.first_paid_date,
        ranked.last_paid_date,
        ranked.recency_days,
        ranked.frequency,
        ranked.monetary,
        least(floor(ranked.recency_rank * rules.score_levels) + 1, rules.score_levels) as recency_score,
        least(floor(ranked.frequency_rank * rules.score_levels) + 1, rules.score_levels) as frequency_score,
        least(floor(ranked.monetary_rank * rules.score_levels) + 1, rules.score_levels) as monetary_score,
        rules.score_high_from,
        rules.score_low_to
    from ranked
    cross join rules

)

select
    {{ as_text('scored.person_id') }} as person_id,
    scored.first_paid_date,
    scored.last_paid_date,
    cast(scored.recency_days as int) as recency_days,
    cast(scored.frequency as bigint) as frequency,
    cast(scored.monetary as decimal(38, 18)) as monetary,
    cast(scored.recency_score as int) as recency_score,
    cast(scored.frequency_score as int) as frequency_score,
    cast(scored.monetary_score as int) as monetary_score,
    {{ as_text("case
        when scored.recency_score >= scored.score_high_from and scored.frequency_score >= scored.score_high_from
            and scored.monetary_score >= scored.score_high_from then 'champions'
        when scored.recency_score <= scored.score_low_to and scored.frequency_score >= scored.score_high_from
            and scored.monetary_score >= scored.score_high_from then 'cannot_lose'
        when scored.recency_score > scored.score_low_to and scored.frequency_score >= scored.score_high_from then 'loyal'
        when scored.recency_score > scored.score_low_to and scored.monetary_score >= scored.score_high_from then 'big_spenders'
        when scored.recency_score >= scored.score_high_from and scored.frequency = 1 then 'new'
        when scored.recency_score > scored.score_low_to then 'promising'
        when scored.frequency_score > scored.score_low_to or scored.monetary_score > scored.score_low_to then 'at_risk'
        else 'hibernating'
    end") }} as segment,
    cast(horizon.as_of as {{ type_ts() }}) as as_of
from scored
cross join horizon
