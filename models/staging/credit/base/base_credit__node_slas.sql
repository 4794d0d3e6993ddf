-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('credit', 'node_slas', seed=ref('node_slas')) }}
