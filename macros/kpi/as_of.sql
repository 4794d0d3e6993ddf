{#
    The data horizon of a domain, one row: the var `as_of` where it is given, else the newest time of anything
    that happened in the domain. Never the wall clock. A default that lies far beyond nearly all that happened (one mistyped
    year) stops the build here, before anything has a row per day up to it.
    rule: the dictionary's rule with as_of_max_gap_days and as_of_gap_percentile.
#}
{% macro as_of_row(domain, happenings, parameters, rule) -%}
{#- engines want the percentile as a constant, so it is read from the dictionary when the query is written -#}
{%- set percentile = namespace(value=1) -%}
{%- if execute and not var('as_of') and parameters.database and parameters.schema and load_relation(parameters) is not none -%}
    {%- for row in run_query("select value from " ~ parameters ~ " where metric_id = '" ~ rule ~ "' and parameter = 'as_of_gap_percentile'") -%}
        {%- set percentile.value = row[0] -%}
    {%- endfor -%}
{%- endif -%}
with

happenings as (

    select * from {{ happenings }}

),

limits as (

    select max(value) as max_gap_days
    from {{ parameters }}
    where metric_id = '{{ rule }}' and parameter = 'as_of_max_gap_days'

),

newest as (

    select
        max(happened_at) as newest_at,
        {{ 'max(' ~ kpi_warehouse.epoch_micros('happened_at') ~ ')' if var('as_of') else kpi_warehouse.percentile_cont(kpi_warehouse.epoch_micros('happened_at'), percentile.value) }} as bulk_micros
    from happenings

),

bounded as (

    select
        newest.newest_at,
        {{ kpi_warehouse.ts_from_micros('cast(round(newest.bulk_micros + limits.max_gap_days * 86400000000) as bigint)') }} as latest_at
    from newest
    cross join limits

),

beyond as (

    select
        count(*) as rows_beyond,
        {{ kpi_warehouse.arg_max("happenings.table_name || '.' || happenings.column_name || ' of row ' || substr(happenings.row_key, 1, 80)", ['happenings.happened_at', 'happenings.table_name', 'happenings.column_name', 'happenings.row_key']) }} as farthest
    from happenings
    inner join bounded on happenings.happened_at > bounded.latest_at

),

horizon as (

    select
        {% if var('as_of') -%}
        {{ kpi_warehouse.as_of_given() }} as as_of_utc,
        {%- else -%}
        case
            when bounded.newest_at > bounded.latest_at then {{ kpi_warehouse.stop_with(
                "'the newest time of " ~ domain ~ " lies too far after nearly all others: " ~ domain ~ ".' || beyond.farthest || ' is ' || "
                ~ kpi_warehouse.as_text('bounded.newest_at')
                ~ " || ' UTC, ' || " ~ kpi_warehouse.as_text('beyond.rows_beyond') ~ " || ' time(s) lie after ' || "
                ~ kpi_warehouse.as_text('bounded.latest_at')
                ~ " || '. Mend or remove what is wrong there, or say how far the data goes: kpi build --as-of'",
                'ts'
            ) }}
            else bounded.newest_at
        end as as_of_utc,
        {%- endif %}
        {{ kpi_warehouse.as_of_given() }} is not null as is_given
    from bounded
    cross join beyond

)

select
    as_of_utc,
    {{ kpi_warehouse.to_local('as_of_utc', "'" ~ var('business_timezone') ~ "'") }} as as_of,
    is_given
from horizon
{%- endmacro %}
