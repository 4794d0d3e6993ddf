-- Written by `kpi sync`; do not edit.
{{ staged('credit', 'node_slas') }}
