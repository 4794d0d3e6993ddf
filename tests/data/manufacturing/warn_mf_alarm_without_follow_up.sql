{{ config(severity='warn') }}
-- Alarms whose stop bears no reason, or whose failure bears no breakdown order: reported in dq_results.
select * from {{ ref('dq_device_alarms') }} where is_uncoded_stop or is_failure_without_order
