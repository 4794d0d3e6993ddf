-- Written by `kpi sync`; do not edit.
{{ staged('manufacturing', 'changeover_standards') }}
