{# The grain: no combination of these columns occurs twice (nulls equal). Fails with the combinations; their rows are counted. #}
{% test unique_combination(model, columns) %}
{{ config(fail_calc='coalesce(cast(sum(occurrences) as bigint), 0)') }}
select {{ columns | join(', ') }}, count(*) as occurrences
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}

{# None of these columns is ever null. Fails with the rows. #}
{% test never_null(model, columns) %}
select *
from {{ model }}
where {% for column in columns %}{{ column }} is null{{ " or " if not loop.last }}{% endfor %}
{% endtest %}

{# A condition that every row keeps. Fails with the rows that break it (an unknown result breaks it). #}
{% test every_row(model, condition) %}
select *
from {{ model }}
where not coalesce({{ condition }}, false)
{% endtest %}
