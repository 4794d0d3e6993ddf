{{ config(severity='warn') }}
-- Passes that the MES completed while their machine was not running: reported in dq_results, does not stop a build.
select * from {{ ref('dq_mes_device_match') }} where outcome = 'not_running'
