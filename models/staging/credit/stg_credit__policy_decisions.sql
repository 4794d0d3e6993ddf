-- Written by `kpi sync`; do not edit.
{{ staged('credit', 'policy_decisions') }}
