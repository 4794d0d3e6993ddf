-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'shift_calendar', judgements=[
        {'reason': 'implausible_span', 'column': 'ends_at', 'condition': "parsed.ends_at > parsed.starts_at + interval 24 hours"}
    ], zones=ref('time_zones')) }}
