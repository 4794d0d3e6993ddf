-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('manufacturing', 'changeover_standards', clock={'relation': ref('stg_manufacturing__machine_clocks'), 'key': 'machine_id'}) }}
