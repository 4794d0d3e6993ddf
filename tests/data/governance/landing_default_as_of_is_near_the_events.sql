-- One mistyped year must not close every period: a default as_of lies near the bulk of the events. Fails with the
-- rows that lie beyond the limit. int_<domain>__as_of stops the build for the same reason, before anything has a row per day.
{% set domains = {'ecommerce': 'ec', 'manufacturing': 'mf', 'credit': 'cr'} -%}
{#- engines want the percentile as a constant, so it is read from the dictionary when the query is written -#}
{%- set parameters = ref('stg_dictionary__parameters') -%}
{%- set percentiles = {} -%}
{%- if execute and load_relation(parameters) is not none -%}
    {%- for row in run_query("select metric_id, value from " ~ parameters ~ " where parameter = 'as_of_gap_percentile'") -%}
        {%- do percentiles.update({row[0]: row[1]}) -%}
    {%- endfor -%}
{%- endif -%}
with

parameters as (

    select * from {{ parameters }}
    where parameter = 'as_of_max_gap_days'

),

{% for domain, prefix in domains.items() -%}
{{ domain }}_limit as (

    select {{ ts_from_micros('cast(round(edge.micros + parameters.value * 86400000000) as bigint)') }} as latest_as_of
    from parameters
    cross join (
        select {{ percentile_cont(epoch_micros('happened_at'), percentiles.get(prefix ~ '_rule_landing', 1)) }} as micros
        from {{ ref('stg_' ~ domain ~ '__happenings') }}
    ) as edge
    where parameters.metric_id = '{{ prefix }}_rule_landing' and {{ 'false' if var('as_of') else 'true' }}

){{ "," if not loop.last }}

{% endfor %}
{% for domain in domains -%}
select
    happenings.domain,
    happenings.table_name,
    happenings.column_name,
    happenings.row_key,
    happenings.happened_at,
    {{ domain }}_limit.latest_as_of
from {{ ref('stg_' ~ domain ~ '__happenings') }} as happenings
inner join {{ domain }}_limit on happenings.happened_at > {{ domain }}_limit.latest_as_of
{{ "union all" if not loop.last }}
{% endfor %}
