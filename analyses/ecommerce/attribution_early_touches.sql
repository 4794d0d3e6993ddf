-- Question: does advertising win attention early on that the shop does not turn into orders? Which channels does last click hide?
-- Reads: by month of payment and channel, the share of orders that the channel opens (first of several touches), closes (last click), and
--   its share by position and Markov chain; with the change against the month before and that of the official CVR. Shares of a month and
--   column add up to 1 (`opened_share` over orders with several touches).
-- To do: `is_early_up_cvr_flat`: the channel opens more orders, yet CVR did not rise: match landing page and advertisement, mend the pages
--   that receive this traffic (cvr_by_key_page_path.sql, cvr_by_structure.sql by utm_source). `hidden_by_last_click` well above 0: the
--   channel works early, do not cut it for its last clicks; below 0: it harvests what others sowed.
with

attribution as (

    select * from {{ ref('fct_attribution') }}

),

official as (

    select * from {{ ref('kpi_official_values') }}
    where kpi_id = 'ec_cvr' and period_grain = 'month' and dimension = 'all'

),

credited as (

    select
        {{ month_start('paid_date') }} as month_date,
        channel,
        sum(case when model = 'position' and touch_no = 1 and order_touches > 1 then 1 else 0 end) as opened_orders,
        sum(case when model = 'position' then credit else 0 end) as position_orders,
        sum(case when model = 'last_click' then credit else 0 end) as last_click_orders,
        sum(case when model = 'markov' then credit else 0 end) as markov_orders
    from attribution
    group by {{ month_start('paid_date') }}, channel

),

shares as (

    select
        month_date,
        channel,
        opened_orders,
        {% for share in ['opened', 'position', 'last_click', 'markov'] -%}
        {{ safe_divide(share ~ '_orders', 'sum(' ~ share ~ '_orders) over (partition by month_date)') }} as {{ share }}_share{{ "," if not loop.last }}
        {% endfor %}
    from credited

),

compared as (

    select
        shares.*,
        opened_share - lag(opened_share) over (partition by channel order by month_date) as opened_share_change
    from shares

),

cvr as (

    select
        cast(period_start as date) as month_date,
        value as cvr,
        value - lag(value) over (order by period_start) as cvr_change,
        is_final
    from official

)

select
    compared.month_date,
    compared.channel,
    compared.opened_orders,
    compared.opened_share,
    compared.opened_share_change,
    compared.last_click_share,
    compared.position_share,
    compared.markov_share,
    compared.markov_share - compared.last_click_share as hidden_by_last_click,
    cvr.cvr,
    cvr.cvr_change,
    coalesce(compared.opened_share_change > 0 and cvr.cvr_change <= 0, false) as is_early_up_cvr_flat,
    cvr.is_final
from compared
left join cvr on compared.month_date = cvr.month_date
order by compared.month_date desc, compared.opened_share desc nulls last, compared.channel
