{#
    A score of `dq_series` (an SQL expression) as the value that a reader knows, by the columns `scale`, `scale_unit` and `chance`; null of a
    level, which has no value of its own.
#}
{% macro unscored(score) -%}
    case scale
        when 'count' then (power(greatest({{ score }}, 2 * sqrt(0.375)) / 2, 2) - 0.375) / (chance * chance)
        when 'silence' then power(greatest({{ score }}, 0), 2) / 2 * scale_unit
        when 'share' then power(sin(least(greatest({{ score }}, 0), 3.141592653589793) / 2), 2)
        when 'size' then sinh(least({{ score }}, 700)) * scale_unit
    end
{%- endmacro %}
