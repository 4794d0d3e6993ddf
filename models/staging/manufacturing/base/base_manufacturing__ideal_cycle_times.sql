-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'ideal_cycle_times') }}
