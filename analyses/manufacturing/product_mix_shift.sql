/*
Question      Has the product mix moved so far that the targets must be set anew?
How to read   Output (units first completed) per month and family, its share beside that of the month before and of the baseline (the month
              before the programme, else the first with output). `moved_*` is the output that changed family: half the sum of the
              absolute changes of all shares (0 = same mix, 1 = other products altogether), the same in every row of a month.
              `is_retarget` is true over the limit of the dictionary (mf_rule_retarget: 20 %) against the baseline, in closed months.
What to do    true: call the quarterly review of targets now; FPY and OEE of other families do not compare with the old baseline.
              A large move against the month before alone: read this month's KPIs by family.
*/
with

units as (

    select * from {{ ref('int_manufacturing__units') }}

),

monthly as (

    select
        {{ start_of('month', 'cast(production_date as ' ~ type_ts() ~ ')') }} as month_start,
        product_family,
        count(*) as units
    from units
    group by {{ start_of('month', 'cast(production_date as ' ~ type_ts() ~ ')') }}, product_family

),

months as (

    select
        month_start,
        sum(units) as all_units,
        lag(month_start) over (order by month_start) as month_before
    from monthly
    group by month_start

),

closed_months as (

    select distinct period_start as month_start
    from {{ ref('kpi_values') }}
    where kpi_id = 'mf_output_units' and period_grain = 'month' and dimension = 'all' and is_final

),

baseline as (

    select coalesce(
        max(case when month_start < cast({{ date_literal(var('programme_start')) }} as {{ type_ts() }}) then month_start end),
        min(month_start)
    ) as baseline_month
    from months

),

families as (

    select distinct product_family
    from monthly

),

-- every family in every month: one that came or went has a share of 0
shares as (

    select
        months.month_start,
        months.month_before,
        families.product_family,
        coalesce(monthly.units, 0) as units,
        coalesce(monthly.units, 0) / cast(months.all_units as {{ type_double() }}) as share
    from months
    cross join families
    left join monthly on months.month_start = monthly.month_start and families.product_family = monthly.product_family

),

compared as (

    select
        shares.month_start,
        shares.product_family,
        shares.units,
        shares.share,
        previous.share as share_before,
        at_baseline.share as baseline_share
    from shares
    cross join baseline
    left join shares as previous
        on shares.month_before = previous.month_start and shares.product_family = previous.product_family
    left join shares as at_baseline
        on baseline.baseline_month = at_baseline.month_start and shares.product_family = at_baseline.product_family

),

moved as (

    select
        compared.*,
        sum(abs(share - share_before)) over (partition by month_start) / 2 as moved_since_month_before,
        sum(abs(share - baseline_share)) over (partition by month_start) / 2 as moved_since_baseline
    from compared

)

select
    moved.month_start,
    moved.product_family,
    moved.units,
    moved.share,
    moved.share_before,
    moved.baseline_share,
    moved.moved_since_month_before,
    moved.moved_since_baseline,
    closed_months.month_start is not null as is_closed,
    closed_months.month_start is not null
    and moved.moved_since_baseline > {{ manufacturing_parameter('mf_rule_retarget', 'mix_shift_share') }} as is_retarget
from moved
left join closed_months on moved.month_start = closed_months.month_start
order by month_start desc, share desc, product_family
