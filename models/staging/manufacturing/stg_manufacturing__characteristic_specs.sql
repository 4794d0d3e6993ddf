-- Written by `kpi sync`; do not edit.
{{ staged('manufacturing', 'characteristic_specs') }}
