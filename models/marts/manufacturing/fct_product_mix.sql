-- How far the product mix has moved: output that changed family since the month before and since the baseline.
with

units as (

    select * from {{ ref('int_manufacturing__units') }}

),

periods as (

    select * from {{ ref('int_manufacturing__periods') }}
    where period_grain = 'month'

),

rule as (

    select {{ manufacturing_parameter('mf_rule_retarget', 'mix_shift_share') }} as mix_shift_share

),

placed as (

    select
        {{ start_of('month', 'cast(production_date as ' ~ type_ts() ~ ')') }} as month_start,
        product_family,
        line_id
    from units

),

monthly as (

    select
        month_start,
        product_family,
        count(*) as units
    from placed
    group by month_start, product_family

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

    select
        placed.month_start,
        {{ all_true('periods.is_closed') }} as is_closed
    from placed
    inner join periods on placed.line_id = periods.line_id and placed.month_start = periods.period_start
    group by placed.month_start

),

baseline as (        -- the month before the programme, else the first with output

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

shares as (        -- every family in every month: one that came or went has a share of 0

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

moved as (        -- rounded, lest the sum of shares be a trifle over the limit

    select
        compared.month_start,
        compared.product_family,
        compared.units,
        compared.share,
        compared.share_before,
        compared.baseline_share,
        round(sum(abs(share - share_before)) over (partition by month_start) / 2, 12) as moved_since_month_before,
        round(sum(abs(share - baseline_share)) over (partition by month_start) / 2, 12) as moved_since_baseline
    from compared

)

select
    cast(moved.month_start as date) as month_start,
    {{ as_text('moved.product_family') }} as product_family,
    cast(moved.units as {{ type_bigint() }}) as units,
    cast(moved.share as {{ type_double() }}) as share,
    cast(moved.share_before as {{ type_double() }}) as share_before,
    cast(moved.baseline_share as {{ type_double() }}) as baseline_share,
    cast(moved.moved_since_month_before as {{ type_double() }}) as moved_since_month_before,
    cast(moved.moved_since_baseline as {{ type_double() }}) as moved_since_baseline,
    closed_months.is_closed,
    closed_months.is_closed and moved.moved_since_baseline > rule.mix_shift_share as is_retarget
from moved
inner join closed_months on moved.month_start = closed_months.month_start
cross join rule
