-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'changeover_standards') }}
