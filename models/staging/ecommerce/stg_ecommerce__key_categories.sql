-- Written by `kpi sync`; do not edit.
{{ staged('ecommerce', 'key_categories') }}
