-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('ecommerce', 'server_event_counts') }}
