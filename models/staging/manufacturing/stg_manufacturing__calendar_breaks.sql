-- Written by `kpi sync`; do not edit.
{{ staged('manufacturing', 'calendar_breaks') }}
