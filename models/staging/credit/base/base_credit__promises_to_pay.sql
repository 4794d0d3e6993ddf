-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('credit', 'promises_to_pay') }}
