-- Written by `kpi sync`; do not edit.
{{ staged('credit', 'fraud_flags') }}
