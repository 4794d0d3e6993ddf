{{ config(severity='warn') }}
-- Days whose data was not there when it had to be (ageing T+0, vintages T+1, process events within minutes): reported in dq_results.
select * from {{ ref('dq_credit_readiness') }}
where not passed
