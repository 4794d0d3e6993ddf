-- Written by `kpi sync`; do not edit.
{{ staged('manufacturing', 'first_article_inspections') }}
