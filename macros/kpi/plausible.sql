{#
    Is the value beyond its bounds? Exactly at a bound it is not, nor as far beyond as the order of a floating-point sum explains.
    What is no number (infinite, NaN) is beyond any bounds.
#}
{% macro is_beyond(value, least, greatest) -%}
    (
        {{ value }} > {{ greatest }} + 1e-9 * greatest(1, abs({{ greatest }}))
        or {{ value }} < {{ least }} - 1e-9 * greatest(1, abs({{ least }}))
        or {{ value }} >= cast('Infinity' as double)
        or {{ value }} <= cast('-Infinity' as double)
    )
{%- endmacro %}

{# Which of two grains is the longer: only rows of a longer period hold those of a shorter one. #}
{% macro grain_rank(grain) -%}
    (case {{ grain }}
        when 'quarter_hour' then 1 when 'hour' then 2 when 'shift' then 3 when 'day' then 4
        when 'week' then 5 when 'cohort_week' then 5 when 'month' then 6 when 'cohort_month' then 6 when 'quarter' then 7
    end)
{%- endmacro %}
