{# The landing audits of a domain. tables: {table: [base relation, staging relation]}. Written models call these. #}

{% macro landing_quarantine(domain, tables) -%}
{%- for table, relations in tables.items() %}
select
    '{{ domain }}' as domain,
    '{{ table }}' as table_name,
    _row_key as row_key,
    _reject_reason as reason,
    _reject_column as column_name,
    _raw_row as raw_row
from {{ relations[0] }}
where _reject_reason is not null
{{ "union all" if not loop.last }}
{%- endfor %}
{%- endmacro %}

{# Rows read are counted at the source; rows of empty cells beside them. #}
{% macro landing_reconciliation(domain, tables) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
{%- for table, relations in tables.items() %}
{%- set raw = kpi_warehouse.raw_table(domain, table) -%}
{%- set seed = kpi_warehouse.contract_meta(kpi_warehouse.contract_table(domain, table), 'seed') %}
select
    '{{ domain }}' as domain,
    '{{ table }}' as table_name,
    landed_rows.rows_read,
    (select count(*) from {{ relations[1] }}) as rows_accepted,
    (select count(*) from {{ relations[0] }} where _is_duplicate) as rows_deduplicated,
    (select count(*) from {{ relations[0] }} where _reject_reason is not null) as rows_quarantined,
    landed_rows.rows_blank
from (
    {%- if raw.found %}
    {%- set blank = kpi_warehouse.row_is_blank(raw, 'landed') %}
    select
        count(*) filter (where not {{ blank }}) as rows_read,
        count(*) filter (where {{ blank }}) as rows_blank
    from {{ raw.relation }} as landed
    {%- elif seed %}
    select
        count(*) as rows_read,
        0 as rows_blank
    from {{ api.Relation.create(database=this.database, schema='seeds', identifier=seed) }}
    {%- else %}
    select
        0 as rows_read,
        0 as rows_blank
    {%- endif %}
) as landed_rows
{{ "union all" if not loop.last }}
{%- endfor %}
{%- endif -%}
{%- endmacro %}

{% macro landing_happenings(domain, tables) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
{%- set parts = [] -%}
{%- for table, relations in tables.items() -%}
    {%- for column in kpi_warehouse.contract_columns(kpi_warehouse.contract_table(domain, table)) if column.has_happened -%}
        {%- do parts.append([table, column.name, relations[0]]) -%}
    {%- endfor -%}
{%- endfor -%}
{%- for part in parts %}
select
    '{{ domain }}' as domain,
    '{{ part[0] }}' as table_name,
    '{{ part[1] }}' as column_name,
    _row_key as row_key,
    {{ part[1] }} as happened_at
from {{ part[2] }}
where _reject_reason is null and not _is_duplicate and {{ part[1] }} is not null
{{ "union all" if not loop.last }}
{%- endfor %}
{%- endif -%}
{%- endmacro %}

{% macro landing_landed(domain, tables) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
{%- set parts = [] -%}
{%- for table, relations in tables.items() -%}
    {%- set node = kpi_warehouse.contract_table(domain, table) -%}
    {%- set seed = kpi_warehouse.contract_meta(node, 'seed') -%}
    {%- set raw = kpi_warehouse.raw_table(domain, table) -%}
    {%- set names = raw.columns | map(attribute='name') | map('lower') | list -%}
    {%- for column in kpi_warehouse.contract_columns(node) if column.name in names or (not raw.found and seed) -%}
        {%- do parts.append([table, column.name, relations[1]]) -%}
    {%- endfor -%}
{%- endfor -%}
{%- for part in parts %}
select
    '{{ domain }}' as domain,
    '{{ part[0] }}' as table_name,
    '{{ part[1] }}' as column_name,
    exists (select 1 from {{ part[2] }}) as has_rows
{{ "union all" if not loop.last }}
{%- else %}
select
    {{ kpi_warehouse.typed_null('text') }} as domain,
    {{ kpi_warehouse.typed_null('text') }} as table_name,
    {{ kpi_warehouse.typed_null('text') }} as column_name,
    false as has_rows
where false
{%- endfor %}
{%- endif -%}
{%- endmacro %}

{% macro landing_irregularities(domain, tables) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
with

listed as (
{% for table, relations in tables.items() %}
{%- for source_column, kind in [('_unparsed_columns', 'unparsed:'), ('_unknown_columns', 'unknown_member:'), ('_doubted_columns', '')] %}
    select '{{ table }}' as table_name, '{{ kind }}' as kind, {{ source_column }} as column_names, count(*) as affected_rows
    from {{ relations[0] }}
    where {{ source_column }} is not null and _reject_reason is null and not _is_duplicate
    group by {{ source_column }}
    {{ "union all" if not loop.last }}
{%- endfor %}
    {{ "union all" if not loop.last }}
{%- endfor %}

),

by_column as (

    select
        listed.table_name,
        listed.kind || parts.part as kind_and_column,
        listed.affected_rows
    from listed
    cross join lateral {{ kpi_warehouse.split_rows('listed.column_names', ',') }} as parts

)

select
    '{{ domain }}' as domain,
    table_name,
    split_part(kind_and_column, ':', 2) as column_name,
    split_part(kind_and_column, ':', 1) as kind,
    cast(sum(affected_rows) as {{ kpi_warehouse.type_bigint() }}) as affected_rows
from by_column
group by table_name, kind_and_column
{%- endif -%}
{%- endmacro %}

{# Rows by business day. rules: the data-quality rules of the dictionary (rule `late_row`). #}
{% macro landing_days(domain, tables, rules) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
{%- set accepted = '_reject_reason is null and not _is_duplicate' -%}
with

late as (

    select max(threshold) * 3600 as seconds
    from {{ rules }}
    where rule_id = 'late_row'

)
{% for table, relations in tables.items() %}
{%- set own_time = kpi_warehouse.contract_meta(kpi_warehouse.contract_table(domain, table), 'own_time') %}
{%- set day = kpi_warehouse.date_of(kpi_warehouse.to_local('coalesce(' ~ own_time ~ ', _loaded_at)' if own_time else '_loaded_at', "'" ~ var('business_timezone') ~ "'")) %}
select
    '{{ domain }}' as domain,
    '{{ table }}' as table_name,
    {{ day }} as business_date,
    {{ 'true' if own_time else 'false' }} as has_own_time,
    count(*) as rows_read,
    count(*) filter (where {{ accepted }}) as rows_accepted,
    count(*) filter (where _is_duplicate) as rows_deduplicated,
    count(*) filter (where _reject_reason is not null) as rows_quarantined,
    count(*) filter (where {{ accepted }} and coalesce(_unparsed_columns, _unknown_columns, _doubted_columns) is not null) as rows_irregular,
    {% if own_time -%}
    count(*) filter (
        where {{ accepted }} and {{ kpi_warehouse.seconds_between(own_time, '_loaded_at') }} > late.seconds
    )
    {%- else -%}
    cast(0 as {{ kpi_warehouse.type_bigint() }})
    {%- endif %} as rows_late
from {{ relations[0] }}
cross join late
group by {{ day }}
{{ "union all" if not loop.last }}
{%- endfor %}
{%- endif -%}
{%- endmacro %}

{#
    What the rows of each business day are like, in one pass over each table that has a time. Declared in the contract:
      own_time, or profile_time: {column} or {table, key, column}   when a row counts (another table's time, by a key)
      profile: slice | median | counter | step (of a column)        counted by its members, its middle, as a counter, or
                                                                    a reference value against the one valid before
      profile_volume: planned                                       rows come by decision (campaigns), so their number says nothing
      profile_spans: [[start, end]]                                 the middle of the seconds between two times
      profile_slices: [{name, key, table, column}]                  counted by a column of another table
      profile_counter: {per, while: {table, starts, ends, column, value}}   whose counter, and when it must move
#}
{% macro landing_profile(domain, tables) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
{%- set parts = [] -%}
{%- for table in tables -%}
    {%- set node = kpi_warehouse.contract_table(domain, table) -%}
    {%- set plan = kpi_warehouse.profile_plan(node) -%}
    {%- if plan.time is not none -%}
        {%- do parts.append(plan) -%}
    {%- endif -%}
{%- endfor -%}
with
{% for plan in parts %}
{{ plan.table }}_rows as (

    select
        {{ plan.day }} as business_date,
        {{ plan.hour }} as hour_of_day
        {%- for slice in plan.slices %},
        coalesce({{ slice.expr }}, 'unknown') as slice_{{ slice.name }}
        {%- endfor %}
        {%- for median in plan.medians %},
        cast({{ median.expr }} as {{ kpi_warehouse.type_double() }}) as value_{{ median.name }}
        {%- endfor %}
        {%- if plan.twins %},
        {{ kpi_warehouse.row_hash(plan.twins) }} as row_hash
        {%- endif %}
    from {{ tables[plan.table][0] }} as landed
    {%- for join in plan.joins %}
    left join {{ tables[join.table][1] }} as {{ join.name }} on landed.{{ join.key }} = {{ join.name }}.{{ join.match }}
    {%- endfor %}
    where landed._reject_reason is null and not landed._is_duplicate and {{ plan.time }} is not null

),

{{ plan.table }}_hours as (

    select
        business_date,
        hour_of_day,
        {%- for slice in plan.slices %}
        slice_{{ slice.name }},
        grouping(slice_{{ slice.name }}) as no_{{ slice.name }},
        {%- endfor %}
        count(*) as row_count
    from {{ plan.table }}_rows
    group by grouping sets (
        (business_date, hour_of_day)
        {%- for slice in plan.slices %},
        (business_date, hour_of_day, slice_{{ slice.name }})
        {%- endfor %}
    )

),
{% if plan.medians or plan.twins %}
{{ plan.table }}_days as (

    select
        business_date,
        {%- for median in plan.medians %}
        count(value_{{ median.name }}) as n_{{ median.name }},
        count(distinct value_{{ median.name }}) as distinct_{{ median.name }},
        {%- for name, share in [('low', 0.25), ('middle', 0.5), ('high', 0.75)] %}
        {{ kpi_warehouse.percentile_cont('value_' ~ median.name, share) }} as {{ name }}_{{ median.name }},
        {%- endfor %}
        {%- endfor %}
        count(*) as n_rows,
        {{ 'count(distinct row_hash)' if plan.twins else 'count(*)' }} as distinct_rows
    from {{ plan.table }}_rows
    group by business_date

),
{% endif %}
{%- if plan.counter %}
{{ plan.table }}_readings as (

    select
        {{ plan.counter.per }} as member,
        {{ plan.counter.at }} as read_at,
        {{ plan.counter.column }} as reading,
        lag({{ plan.counter.at }}) over (partition by {{ plan.counter.per }} order by {{ plan.counter.at }}) as last_read_at,
        lag({{ plan.counter.column }}) over (partition by {{ plan.counter.per }} order by {{ plan.counter.at }}) as last_reading
    from {{ tables[plan.table][0] }}
    where _reject_reason is null and not _is_duplicate and {{ plan.counter.column }} is not null

),

-- the middle between two readings stands for the time between them
{{ plan.table }}_marks as (

    select member, {{ plan.counter.middle }} as marked_at, read_at, last_read_at, reading, last_reading, {{ kpi_warehouse.typed_null('ts') }} as moves_until
    from {{ plan.table }}_readings
    where last_read_at is not null
    {%- if plan.counter.while %}
    union all
    select
        {{ plan.counter.per }}, {{ plan.counter.while.starts }}, null, null, null, null,
        coalesce({{ plan.counter.while.ends }}, {{ kpi_warehouse.ts_literal('9999-12-31 00:00:00') }})
    from {{ tables[plan.counter.while.table][1] }}
    where {{ plan.counter.while.column }} = '{{ plan.counter.while.value }}'
    {%- endif %}

),

{{ plan.table }}_moving as (

    select
        member,
        marked_at,
        read_at,
        last_read_at,
        reading,
        last_reading,
        {% if plan.counter.while -%}
        {{ kpi_warehouse.last_value_ignore_nulls('moves_until') }} over (
            partition by member order by marked_at, moves_until nulls last rows between unbounded preceding and current row
        )
        {%- else -%}
        {{ kpi_warehouse.ts_literal('9999-12-31 00:00:00') }}
        {%- endif %} as moves_until
    from {{ plan.table }}_marks

),

{{ plan.table }}_moved as (

    select
        member,
        read_at,
        reading = last_reading as is_unchanged,
        case when reading > last_reading then
            {{ kpi_warehouse.safe_divide(kpi_warehouse.seconds_between('last_read_at', 'read_at'), 'reading - last_reading') }}
        end as seconds_each
    from {{ plan.table }}_moving
    where read_at is not null and moves_until > marked_at

),
{% endif %}
{%- if plan.steps %}
{{ plan.table }}_steps as (

    select
        {{ plan.day }} as business_date,
        {{ plan.member }} as member
        {%- for column in plan.steps %},
        cast(landed.{{ column }} as {{ kpi_warehouse.type_double() }}) as {{ column }},
        cast(lag(landed.{{ column }}) over (partition by {{ plan.member }} order by {{ plan.time }}) as {{ kpi_warehouse.type_double() }}) as before_{{ column }}
        {%- endfor %}
    from {{ tables[plan.table][0] }} as landed
    where landed._reject_reason is null and not landed._is_duplicate

),
{% endif %}
{%- endfor %}
measured as (
    select
        {{ kpi_warehouse.typed_null('text') }} as table_name,
        {{ kpi_warehouse.typed_null('date') }} as business_date,
        {{ kpi_warehouse.typed_null('text') }} as measure,
        {{ kpi_warehouse.typed_null('text') }} as column_name,
        {{ kpi_warehouse.typed_null('text') }} as member,
        {{ kpi_warehouse.typed_null('int') }} as hour_of_day,
        {{ kpi_warehouse.typed_null('int') }} as row_count,
        {{ kpi_warehouse.typed_null('int') }} as hit_count,
        {{ kpi_warehouse.typed_null('num') }} as lower_quartile,
        {{ kpi_warehouse.typed_null('num') }} as middle,
        {{ kpi_warehouse.typed_null('num') }} as upper_quartile
    where false
    {%- for plan in parts %}
    {%- if plan.has_rows %}
    union all
    select
        '{{ plan.table }}' as table_name,
        business_date,
        'rows' as measure,
        {% if plan.slices %}case
            {%- for slice in plan.slices %}
            when no_{{ slice.name }} = 0 then '{{ slice.name }}'
            {%- endfor %}
            else 'all'
        end{% else %}'all'{% endif %} as column_name,
        {% if plan.slices %}case
            {%- for slice in plan.slices %}
            when no_{{ slice.name }} = 0 then slice_{{ slice.name }}
            {%- endfor %}
            else 'all'
        end{% else %}'all'{% endif %} as member,
        hour_of_day,
        row_count,
        null as hit_count,
        null as lower_quartile,
        null as middle,
        null as upper_quartile
    from {{ plan.table }}_hours
    {%- endif %}
    {%- for median in plan.medians %}
    union all
    select
        '{{ plan.table }}', business_date, 'median', '{{ median.name }}', 'all', -1,
        n_{{ median.name }}, n_{{ median.name }} - distinct_{{ median.name }},
        low_{{ median.name }}, middle_{{ median.name }}, high_{{ median.name }}
    from {{ plan.table }}_days
    where n_{{ median.name }} > 0
    {%- endfor %}
    {%- if plan.twins %}
    union all
    select
        '{{ plan.table }}', business_date, 'twins', 'all', 'all', -1,
        n_rows, n_rows - distinct_rows, null, null, null
    from {{ plan.table }}_days
    {%- endif %}
    {%- if plan.counter %}
    union all
    select
        '{{ plan.table }}', {{ plan.counter.day }}, 'counter', '{{ plan.counter.column }}', cast(member as {{ kpi_warehouse.type_text() }}), -1,
        count(*), {{ kpi_warehouse.count_where('is_unchanged') }},
        {%- for share in [0.25, 0.5, 0.75] %}
        {{ kpi_warehouse.percentile_cont('seconds_each', share) }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ plan.table }}_moved
    group by {{ plan.counter.day }}, member
    {%- endif %}
    {%- for column in plan.steps %}
    union all
    select
        '{{ plan.table }}', business_date, 'step', '{{ column }}', member, -1,
        1, 0, null, {{ column }}, before_{{ column }}
    from {{ plan.table }}_steps
    {%- endfor %}
    {%- endfor %}

)

select
    '{{ domain }}' as domain,
    table_name,
    {% set planned = parts | selectattr('is_planned') | map(attribute='table') | list -%}
    {{ "table_name in ('" ~ planned | join("', '") ~ "')" if planned else 'false' }} as comes_by_plan,
    business_date,
    measure,
    column_name,
    member,
    cast(hour_of_day as int) as hour_of_day,
    cast(row_count as {{ kpi_warehouse.type_bigint() }}) as row_count,
    cast(hit_count as {{ kpi_warehouse.type_bigint() }}) as hit_count,
    lower_quartile,
    middle,
    upper_quartile
from measured
{%- endif -%}
{%- endmacro %}

{# How a table is profiled: {table, time, day, hour, slices, medians, twins, joins, counter, steps, member}; time none: not at all. #}
{% macro profile_plan(node) %}
    {%- set columns = kpi_warehouse.contract_columns(node) -%}
    {%- set types = {} -%}
    {%- for column in columns %}{% do types.update({column.name: column.type}) %}{% endfor -%}
    {%- set own_time = kpi_warehouse.contract_meta(node, 'own_time') -%}
    {%- set given = kpi_warehouse.contract_meta(node, 'profile_time', {'column': own_time}) -%}
    {%- set zone = "'" ~ var('business_timezone') ~ "'" -%}
    {%- set joins = [] -%}
    {%- set time = none -%}
    {%- set type = types.get(given.column, 'ts') -%}
    {%- if given.table is defined -%}
        {%- do joins.append({'name': 'timed', 'table': given.table, 'key': given.key, 'match': given.key}) -%}
        {%- set time = 'timed.' ~ given.column -%}
    {%- elif given.column -%}
        {%- set time = 'landed.' ~ given.column -%}
    {%- endif -%}
    {%- set local = time if type == 'date' else kpi_warehouse.to_local(time, zone) -%}
    {%- set slices, medians, counters, steps = [], [], [], [] -%}
    {%- for column in node.columns.values() -%}
        {%- set profile = kpi_warehouse.contract_meta(column, 'profile') -%}
        {%- if profile == 'slice' -%}
            {%- do slices.append({'name': column.name, 'expr': kpi_warehouse.as_text('landed.' ~ column.name)}) -%}
        {%- elif profile == 'median' -%}
            {%- do medians.append({'name': column.name, 'expr': 'landed.' ~ column.name}) -%}
        {%- elif profile == 'counter' -%}
            {%- do counters.append(column.name) -%}
        {%- elif profile == 'step' -%}
            {%- do steps.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for span in kpi_warehouse.contract_meta(node, 'profile_spans', []) -%}
        {%- do medians.append({'name': span[1], 'expr': kpi_warehouse.seconds_between('landed.' ~ span[0], 'landed.' ~ span[1])}) -%}
    {%- endfor -%}
    {%- for slice in kpi_warehouse.contract_meta(node, 'profile_slices', []) -%}
        {%- do joins.append({'name': 'of_' ~ slice.name, 'table': slice.table, 'key': slice.key, 'match': slice.key}) -%}
        {%- do slices.append({'name': slice.name, 'expr': 'of_' ~ slice.name ~ '.' ~ slice.column}) -%}
    {%- endfor -%}
    {%- set keys = columns | selectattr('is_key') | list -%}
    {%- set twins = [] -%}
    {%- if own_time and keys | length == 1 and keys[0].name != own_time -%}
        {%- for column in columns if not column.is_key -%}
            {%- do twins.append('landed.' ~ column.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set members = [] -%}
    {%- for key in keys if key.name != given.column -%}
        {%- do members.append('landed.' ~ key.name) -%}
    {%- endfor -%}
    {%- set counter = none -%}
    {%- if counters and own_time -%}
        {%- set meant = kpi_warehouse.contract_meta(node, 'profile_counter') -%}
        {%- set middle = kpi_warehouse.add_seconds('last_read_at', kpi_warehouse.seconds_between('last_read_at', 'read_at') ~ ' / 2') -%}
        {%- set counter = {
            'column': counters[0],
            'at': own_time,
            'per': meant.per,
            'while': meant.get('while'),
            'middle': middle,
            'day': kpi_warehouse.date_of(kpi_warehouse.to_local('read_at', zone)),
        } -%}
    {%- endif -%}
    {{ return({
        'table': node.name,
        'time': time,
        'day': kpi_warehouse.date_of(local),
        'hour': '-1' if type == 'date' else 'hour(' ~ local ~ ')',
        'slices': slices,
        'medians': medians,
        'twins': twins,
        'joins': joins,
        'counter': counter,
        'steps': steps,
        'is_planned': kpi_warehouse.contract_meta(node, 'profile_volume') == 'planned',
        'has_rows': not kpi_warehouse.contract_meta(node, 'is_reference', false),
        'member': kpi_warehouse.concat_text(members, ' '),
    }) }}
{% endmacro %}
