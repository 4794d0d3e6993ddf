-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'scrap_reports', judgements=[
        {'reason': 'negative_value', 'column': 'quantity', 'condition': "parsed.quantity < 0"}
    ]) }}
