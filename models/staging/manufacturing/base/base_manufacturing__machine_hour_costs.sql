-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'machine_hour_costs') }}
