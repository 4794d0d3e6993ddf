-- Written by `kpi sync`; do not edit.
{{ staged('ecommerce', 'events') }}
