-- Written by `kpi sync`; do not edit.
{{ staged('ecommerce', 'server_event_counts') }}
