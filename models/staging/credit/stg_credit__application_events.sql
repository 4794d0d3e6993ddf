-- Written by `kpi sync`; do not edit.
{{ staged('credit', 'application_events') }}
