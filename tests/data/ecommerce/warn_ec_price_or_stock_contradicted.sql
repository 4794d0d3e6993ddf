{{ config(severity='warn') }}
-- Views at a price or stock that contradicts the snapshots: reported in dq_results, does not stop a build.
select * from {{ ref('dq_price_stock_consistency') }}
where contradicting_views > 0
