{#
    The shift and the production date of a moment (rulings 1 and 2): the line's shift that holds it, else its local date.
    `place_joins` goes after `from`, `place_columns` into the select list; line_id must not be null (`unknown` is a line too).
#}
{% macro place_joins(line_id, at) -%}
    left join {{ ref('int_manufacturing__lines') }} as line_clock
        on {{ line_id }} = line_clock.line_id
    left join {{ ref('int_manufacturing__shift_dates') }} as holding_shift
        on
            {{ line_id }} = holding_shift.line_id
            and {{ kpi_warehouse.date_of(at) }} = holding_shift.utc_date
            and {{ at }} >= holding_shift.starts_at
            and {{ at }} < holding_shift.ends_at
{%- endmacro %}

{% macro place_columns(at) -%}
    coalesce(holding_shift.production_date, {{ kpi_warehouse.date_of(kpi_warehouse.to_local(at, 'line_clock.time_zone')) }}) as production_date,
    coalesce(holding_shift.shift_name, 'off_shift') as shift_name,
    holding_shift.starts_local_at as shift_starts_local_at
{%- endmacro %}

{# True where the tables (and optional columns, as `table.column`) that a KPI counts are landed and hold rows. #}
{% macro manufacturing_has(parts) -%}
    (
        select count(distinct {{ "table_name || '.' || column_name" if '.' in parts[0] else "table_name" }}) = {{ parts | length }}
        from {{ ref('stg_manufacturing__landed') }}
        where has_rows and {{ "table_name || '.' || column_name" if '.' in parts[0] else "table_name" }} in ('{{ parts | join("', '") }}')
    )
{%- endmacro %}

{# A business constant of the dictionary. #}
{% macro manufacturing_parameter(metric_id, parameter, version=1) -%}
    (
        select max(value)
        from {{ ref('stg_dictionary__parameters') }}
        where metric_id = '{{ metric_id }}' and version = {{ version }} and parameter = '{{ parameter }}'
    )
{%- endmacro %}
