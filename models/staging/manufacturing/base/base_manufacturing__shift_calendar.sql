-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'shift_calendar', zones=ref('time_zones')) }}
