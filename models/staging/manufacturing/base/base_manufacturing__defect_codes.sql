-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'defect_codes', seed=ref('defect_codes')) }}
