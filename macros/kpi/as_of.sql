{#
    The data horizon of a domain, one row: the var `as_of` where it is given, else the newest time of anything
    that happened in the domain. Never the wall clock.
#}
{% macro as_of_row(happenings) -%}
with

happenings as (

    select * from {{ happenings }}

),

newest as (

    select max(happened_at) as newest_at
    from happenings

),

horizon as (

    select
        coalesce({{ kpi_warehouse.as_of_given() }}, newest_at) as as_of_utc,
        {{ kpi_warehouse.as_of_given() }} is not null as is_given
    from newest

)

select
    as_of_utc,
    {{ kpi_warehouse.to_local('as_of_utc', "'" ~ var('business_timezone') ~ "'") }} as as_of,
    is_given
from horizon
{%- endmacro %}
