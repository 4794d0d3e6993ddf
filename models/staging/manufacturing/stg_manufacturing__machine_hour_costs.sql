-- Written by `kpi sync`; do not edit.
{{ staged('manufacturing', 'machine_hour_costs') }}
