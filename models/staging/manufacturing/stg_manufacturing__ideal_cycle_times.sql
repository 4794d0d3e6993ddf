-- Written by `kpi sync`; do not edit.
{{ staged('manufacturing', 'ideal_cycle_times') }}
