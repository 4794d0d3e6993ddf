-- Question: on which days did performance or payment break, and did CVR fall with them?
-- Reads: one row per closed day, CVR beside the share of fast first screens, crashes, failed payments, stock and what the calendar says.
--   `cvr_against_week` compares with the mean of the seven days before; the correlations (over all days shown) say which of the
--   measures moves with CVR. Below 0.3 in absolute terms is noise on a quarter of data.
-- To do: a day with a fall of CVR and a bad measure: open the incident of that measure. A fall on a holiday or after a promotion without
--   one: no incident, compare with the same days of other weeks.
with

official as (

    select * from {{ ref('kpi_official_values') }}
    where period_grain = 'day' and dimension = 'all' and is_final

),

calendar as (

    select * from {{ ref('dim_calendar') }}

),

days as (

    select
        cast(period_start as date) as calendar_date,
        max(case when kpi_id = 'ec_cvr' then value end) as cvr,
        max(case when kpi_id = 'ec_fast_first_screen_share' then value end) as fast_first_screen_share,
        max(case when kpi_id = 'ec_page_crash_rate' then value end) as page_crash_rate,
        max(case when kpi_id = 'ec_payment_failure_rate' then value end) as payment_failure_rate,
        max(case when kpi_id = 'ec_key_sku_availability' then value end) as key_sku_availability
    from official
    group by cast(period_start as date)

),

measured as (

    select * from days
    where cvr is not null

)

select
    measured.calendar_date,
    measured.cvr,
    measured.cvr - avg(measured.cvr) over (
        order by measured.calendar_date
        rows between 7 preceding and 1 preceding
    ) as cvr_against_week,
    measured.fast_first_screen_share,
    measured.page_crash_rate,
    measured.payment_failure_rate,
    measured.key_sku_availability,
    corr(measured.cvr, measured.fast_first_screen_share) over () as correlation_first_screen,
    corr(measured.cvr, measured.page_crash_rate) over () as correlation_crashes,
    corr(measured.cvr, measured.payment_failure_rate) over () as correlation_payment_failures,
    corr(measured.cvr, measured.key_sku_availability) over () as correlation_availability,
    coalesce(calendar.holiday_en, calendar.shopping_festival_en) as occasion,
    calendar.promotions,
    calendar.is_campaign_day
from measured
left join calendar on measured.calendar_date = calendar.calendar_date
order by measured.calendar_date
