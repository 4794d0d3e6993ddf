{{ config(severity='warn') }}
-- Units reported outside their routing or on a machine of another place: reported in dq_results, does not stop a build.
select * from {{ ref('dq_off_routing_passes') }}
