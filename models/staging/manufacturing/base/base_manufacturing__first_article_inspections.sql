-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'first_article_inspections') }}
