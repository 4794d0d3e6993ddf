-- Written by `kpi sync`; do not edit.
{{ staged('manufacturing', 'scrap_reports') }}
