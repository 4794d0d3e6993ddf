-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'machine_hour_costs', clock={'relation': ref('stg_manufacturing__machine_clocks'), 'key': 'machine_id'}) }}
