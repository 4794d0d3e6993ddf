-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'ideal_cycle_times', clock={'relation': ref('stg_manufacturing__machine_clocks'), 'key': 'machine_id'}) }}
