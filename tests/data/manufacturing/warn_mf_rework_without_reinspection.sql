{{ config(severity='warn') }}
-- Closed rework without a record of the second inspection: reported in dq_results, does not stop a build.
select * from {{ ref('dq_rework_reinspection') }} where outcome in ('not_reinspected', 'claimed_without_record')
