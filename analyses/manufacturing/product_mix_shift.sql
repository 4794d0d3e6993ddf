/*
Question      Has the product mix moved so far that the targets must be set anew?
How to read   Output (units first completed) per month and family, its share beside that of the month before and of the baseline (the month
              before the programme, else the first with output). `moved_*` is the output that changed family: half the sum of the
              absolute changes of all shares (0 = same mix, 1 = other products altogether), the same in every row of a month.
              `is_retarget` is true over the limit of the dictionary (mf_rule_retarget: 20 %) against the baseline, in closed months; then
              the check warn_mf_product_mix_moved speaks up in dq_results too.
What to do    true: call the quarterly review of targets now; FPY and OEE of other families do not compare with the old baseline.
              A large move against the month before alone: read this month's KPIs by family.
*/
with

product_mix as (

    select * from {{ ref('fct_product_mix') }}

)

select
    month_start,
    product_family,
    units,
    share,
    share_before,
    baseline_share,
    moved_since_month_before,
    moved_since_baseline,
    is_closed,
    is_retarget
from product_mix
order by month_start desc, share desc, product_family
