-- Written by `kpi sync`; do not edit.
{{ staged('ecommerce', 'service_tickets') }}
