-- Written by `kpi sync`; do not edit.
{{ staged('ecommerce', 'bot_user_agents') }}
