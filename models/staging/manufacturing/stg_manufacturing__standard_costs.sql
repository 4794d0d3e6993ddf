-- Written by `kpi sync`; do not edit.
{{ staged('manufacturing', 'standard_costs') }}
