-- Written by `kpi sync`; do not edit.
{{ staged('credit', 'promises_to_pay') }}
