{#
    Question    Do first-payment defaults and the roll rate announce a rise of 30+, in all and by channel?
    How to read One row per month and channel (and `all`). FPD7 is read of the newest booking month whose windows are over at the month's end (the
                booking month two before), the other signs of the month itself; `…_change` is against the month before. `signs` counts the leading
                signs that got worse; `is_early_warning`: FPD7 and the roll rate both rose and 30+ did not, yet. `dpd30_in_1_month` to `_3_months`
                show what came, as far as it is known.
    What to do  Tighten pre-screening, device and channel lists first; raise D1 contact and early collections (test segments: SMS, call, push). If one
                channel leads: quota, pricing, a temporary limit there.
#}
with

kpi_values as (

    select * from {{ ref('kpi_values') }}
    where
        domain = 'credit'
        and dimension in ('all', 'channel')
        and is_final
        and kpi_id in (
            'cr_dpd30_rate', 'cr_fpd7_rate', 'cr_dpd1_rate_7d', 'cr_roll_rate_1_29_to_30', 'cr_d1_contact_rate', 'cr_cure_rate_1_29'
        )

),

newest_versions as (

    select kpi_id, max(version) as version
    from kpi_values
    group by kpi_id

),

read as (

    select
        case
            when kpi_values.period_grain = 'cohort_month' then {{ add_months('cast(kpi_values.period_start as date)', 2) }}
            else cast(kpi_values.period_start as date)
        end as month_start,
        kpi_values.dimension_value as channel,
        kpi_values.kpi_id,
        kpi_values.value
    from kpi_values
    inner join newest_versions
        on kpi_values.kpi_id = newest_versions.kpi_id and kpi_values.version = newest_versions.version
    where kpi_values.period_grain = case when kpi_values.kpi_id = 'cr_fpd7_rate' then 'cohort_month' else 'month' end

),

months as (

    select
        month_start,
        channel,
        max(case when kpi_id = 'cr_dpd30_rate' then value end) as dpd30,
        max(case when kpi_id = 'cr_fpd7_rate' then value end) as fpd7,
        max(case when kpi_id = 'cr_dpd1_rate_7d' then value end) as dpd1_7d,
        max(case when kpi_id = 'cr_roll_rate_1_29_to_30' then value end) as roll,
        max(case when kpi_id = 'cr_d1_contact_rate' then value end) as d1_contact,
        max(case when kpi_id = 'cr_cure_rate_1_29' then value end) as cure
    from read
    group by month_start, channel

),

changes as (

    select
        month_start,
        channel,
        dpd30,
        dpd30 - lag(dpd30) over by_month as dpd30_change,
        fpd7,
        fpd7 - lag(fpd7) over by_month as fpd7_change,
        dpd1_7d,
        dpd1_7d - lag(dpd1_7d) over by_month as dpd1_7d_change,
        roll,
        roll - lag(roll) over by_month as roll_change,
        d1_contact,
        d1_contact - lag(d1_contact) over by_month as d1_contact_change,
        cure,
        cure - lag(cure) over by_month as cure_change,
        lead(dpd30, 1) over by_month as dpd30_in_1_month,
        lead(dpd30, 2) over by_month as dpd30_in_2_months,
        lead(dpd30, 3) over by_month as dpd30_in_3_months
    from months
    window by_month as (
        partition by channel
        order by month_start
    )

)

select
    month_start,
    channel,
    dpd30,
    dpd30_change,
    fpd7,
    fpd7_change,
    dpd1_7d,
    dpd1_7d_change,
    roll,
    roll_change,
    d1_contact,
    d1_contact_change,
    cure,
    cure_change,
    {% for sign in ['fpd7_change > 0', 'dpd1_7d_change > 0', 'roll_change > 0', 'd1_contact_change < 0', 'cure_change < 0'] -%}
    coalesce({{ bool_to_int(sign) }}, 0){{ ' + ' if not loop.last }}
    {%- endfor %} as signs,
    coalesce(fpd7_change > 0 and roll_change > 0 and dpd30_change <= 0, false) as is_early_warning,
    dpd30_in_1_month,
    dpd30_in_2_months,
    dpd30_in_3_months
from changes
order by channel, month_start
