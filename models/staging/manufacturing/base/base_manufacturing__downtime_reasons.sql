-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'downtime_reasons', seed=ref('downtime_reasons')) }}
