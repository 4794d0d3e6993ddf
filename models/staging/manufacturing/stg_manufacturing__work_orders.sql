-- Written by `kpi sync`; do not edit.
{{ staged('manufacturing', 'work_orders') }}
