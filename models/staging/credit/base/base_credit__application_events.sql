-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('credit', 'application_events', lookup={'relation': ref('stg_credit__applications'), 'key': 'application_id', 'columns': ['submitted_at']}, judgements=[
        {'reason': 'decision_before_submission', 'column': 'event_at', 'condition': "parsed.event_name = 'final_decision' and parsed.event_at < looked_up.lookup_submitted_at"}
    ]) }}
