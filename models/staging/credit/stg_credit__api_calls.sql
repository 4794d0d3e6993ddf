-- Written by `kpi sync`; do not edit.
{{ staged('credit', 'api_calls') }}
