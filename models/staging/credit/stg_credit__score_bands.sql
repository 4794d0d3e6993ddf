-- Written by `kpi sync`; do not edit.
{{ staged('credit', 'score_bands') }}
