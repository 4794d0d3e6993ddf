-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ land('ecommerce', 'bot_user_agents', seed=ref('bot_user_agents')) }}
