-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('ecommerce', 'events') }}
