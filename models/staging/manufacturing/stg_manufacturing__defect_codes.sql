-- Written by `kpi sync`; do not edit.
{{ staged('manufacturing', 'defect_codes') }}
