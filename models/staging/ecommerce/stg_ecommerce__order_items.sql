-- Written by `kpi sync`; do not edit.
{{ staged('ecommerce', 'order_items') }}
