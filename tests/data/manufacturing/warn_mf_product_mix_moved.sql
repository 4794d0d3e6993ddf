{{ config(severity='warn') }}
-- Months whose product mix asks for new targets (section 6 of the source): reported in dq_results, does not stop a build.
select distinct
    month_start,
    moved_since_baseline
from {{ ref('fct_product_mix') }}
where is_retarget
