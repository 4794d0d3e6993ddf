-- Written by `kpi sync`; do not edit.
{{ staged('ecommerce', 'experiment_assignments') }}
