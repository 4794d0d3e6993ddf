-- Question: where does the next unit of advertising money belong?
-- Reads: channels over the last three closed months of touches: cost, GMV credited by the Markov chain and by last click, and the return of
--   each. `dependence_on_last_click` is last click's credit over the chain's: above 1 the channel stands at the end of ways that others
--   opened. `marginal_return` is the additional GMV per additional cost of the newest against the oldest of the three months (only where
--   the cost rose).
-- To do: return above the average and dependence below 1: more budget, and better landing places for it. Dependence above 1 and a
--   marginal return below 1: less. A free channel has no return; judge it by its share.
with

returns as (

    select * from {{ ref('fct_channel_return') }}
    where is_final

),

newest as (

    select max(month_date) as month_date
    from returns

),

recent as (

    select
        returns.*,
        returns.month_date = newest.month_date as is_newest,
        returns.month_date = {{ add_months('newest.month_date', -2) }} as is_oldest
    from returns
    cross join newest
    where returns.month_date >= {{ add_months('newest.month_date', -2) }}

),

channels as (

    select
        channel,
        min(month_date) as first_month,
        max(month_date) as last_month,
        sum(case when model = 'markov' then cost end) as cost,
        sum(case when model = 'markov' then credited_gmv end) as markov_gmv,
        sum(case when model = 'last_click' then credited_gmv end) as last_click_gmv,
        sum(case when model = 'markov' and is_newest then cost end) as newest_cost,
        sum(case when model = 'markov' and is_oldest then cost end) as oldest_cost,
        sum(case when model = 'markov' and is_newest then credited_gmv end) as newest_gmv,
        sum(case when model = 'markov' and is_oldest then credited_gmv end) as oldest_gmv
    from recent
    group by channel

),

measured as (

    select
        channels.*,
        {{ safe_divide('cost', 'sum(cost) over ()') }} as cost_share,
        {{ safe_divide('markov_gmv', 'sum(markov_gmv) over ()') }} as gmv_share,
        {{ safe_divide('markov_gmv', 'cost') }} as markov_return,
        {{ safe_divide('last_click_gmv', 'cost') }} as last_click_return,
        {{ safe_divide('sum(markov_gmv) over ()', 'sum(cost) over ()') }} as average_return,
        {{ safe_divide('last_click_gmv', 'markov_gmv') }} as dependence_on_last_click,
        case when newest_cost > oldest_cost then {{ safe_divide('newest_gmv - oldest_gmv', 'newest_cost - oldest_cost') }} end as marginal_return
    from channels

)

select
    channel,
    first_month,
    last_month,
    cost,
    cost_share,
    markov_gmv,
    gmv_share,
    markov_return,
    last_click_return,
    dependence_on_last_click,
    marginal_return,
    case
        when cost is null or cost = 0 then 'free: judge by share'
        when markov_return >= average_return and dependence_on_last_click <= 1 then 'more budget and better landing places'
        when dependence_on_last_click > 1 and coalesce(marginal_return, markov_return) < 1 then 'less budget'
        else 'hold'
    end as suggestion
from measured
order by markov_return desc nulls last, channel
