{#
    The landing of one raw table: every raw row once, typed by the contract, judged by itself, and told from
    its duplicates. Columns: the contract's, then
      _loaded_at           when the row reached the warehouse (absent: the row's own time)
      _row_key             the key as text
      _reject_reason       why the row is refused, or null
      _reject_column       the column at fault
      _unparsed_columns    optional columns whose value could not be read (kept as null)
      _unknown_columns     columns whose value lies outside the enumeration (kept as `unknown`), or that no list knows (kept)
      _doubted_columns     columns whose value stands for none, or cannot be (kind:column; the kinds are in doubts.sql)
      _is_duplicate        a row of the same key won
      _raw_row             the raw row as JSON, for refused rows
    Reasons: too_many_values and too_few_values (the row does not fit the header of its CSV file: its values are kept as a
    list in _raw_row, none is read as a column's, its key is file and line), missing_required, unparseable, the kinds of doubts.sql, no_identity, ends_before_start, from_the_future, or those of
    `judgements`: [{reason, column, condition}] over the parsed columns and those of `lookup`.
    lookup: {relation, key, columns}: another table's columns, joined on an equal key, for judgements only. With it
      the judgements are no longer of the row by itself: only the winner among duplicates is judged by them.
    seed: the relation that serves where a reference table is not landed.
    zones: the names of time zones (spelling, zone_name), for a column that holds one.
    clock: {relation, key}: the time zone of a row by its key, for the day of an instant; none: the row's own zone, else the business's.
#}
{% macro land(domain, table, seed=none, lookup=none, judgements=[], zones=none, clock=none) %}
{%- set _ = source(domain, table) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
{%- set node = kpi_warehouse.contract_table(domain, table) -%}
{%- set columns = kpi_warehouse.contract_columns(node) -%}
{%- set own_time = kpi_warehouse.contract_meta(node, 'own_time') -%}
{%- set raw = kpi_warehouse.raw_table(domain, table) -%}
{%- if not raw.found and seed is not none -%}
    {%- set raw = {'found': true, 'columns': kpi_warehouse.relation_columns(seed), 'relation': seed | string, 'place': 'seed ' ~ seed.identifier} -%}
{%- endif -%}
{%- set landed = kpi_warehouse.landed_columns(raw) -%}
{%- set has_misfits = raw.found and kpi_warehouse.has_misfits(raw) -%}
{%- set known = columns | map(attribute='name') | list + ['_loaded_at'] -%}
{#- the columns of the contract keep their names, any other is told by its place: a landed name is never a name here -#}
{%- set raw_types, places = {}, {} -%}
{%- for column in landed -%}
    {%- if column.name | lower in known -%}
        {%- do raw_types.update({column.name | lower: column}) -%}
        {%- do places.update({column.name: 'raw_' ~ column.name | lower}) -%}
    {%- else -%}
        {%- do places.update({column.name: 'raw_other_' ~ loop.index}) -%}
    {%- endif -%}
{%- endfor -%}
{%- if raw.found -%}
    {%- for column in columns if column.is_required and column.name not in raw_types -%}
        {{ exceptions.raise_compiler_error("Raw table " ~ domain ~ "." ~ table ~ " lacks the required column '" ~ column.name ~ "' (looked in " ~ raw.place ~ ", found: " ~ landed | map(attribute='name') | join(', ') ~ "). Add the column, or remove the table: an absent table only leaves out the KPIs that count it.") }}
    {%- endfor -%}
{%- endif -%}
{%- set keys = columns | selectattr('is_key') | map(attribute='name') | list -%}
{%- set business_zone = "'" ~ var('business_timezone') ~ "'" -%}
{%- set zone_columns = columns | selectattr('is_time_zone') | map(attribute='name') | list if raw.found else [] -%}
{%- set instants = [] -%}
{%- for column in columns if column.type == 'date' and column.name in raw_types and kpi_warehouse.raw_kind(raw_types[column.name].type) in ('text', 'tstz') -%}
    {%- do instants.append(column.name) -%}
{%- endfor -%}
{%- set has_clock = clock is not none and instants and clock.key in raw_types -%}
{%- set day_zone = 'coalesce(zones.zone_name, ' ~ business_zone ~ ')' if zone_columns else 'coalesce(clocks.time_zone, ' ~ business_zone ~ ')' if has_clock else business_zone -%}
{%- set newest_wins = kpi_warehouse.contract_meta(node, 'duplicate_winner', 'newest') != 'oldest' -%}
with

raw_rows as (

    {% if raw.found -%}
    select
        {%- for column in landed %}
        landed.{{ kpi_warehouse.quote_name(column.name) }} as {{ places[column.name] }}{{ "," if not loop.last or has_misfits }}
        {%- endfor %}
        {%- if has_misfits %}
        landed._landed_fault,
        landed._landed_file,
        landed._landed_line,
        landed._landed_values
        {%- endif %}
    from {{ raw.relation }} as landed
    -- a row of empty cells is no row: counted by the reconciliation
    where not {{ kpi_warehouse.row_is_blank(raw, 'landed') }}
    {%- else -%}
    select
        {%- for column in columns %}
        {{ kpi_warehouse.typed_null(column.type) }} as raw_{{ column.name }}{{ "," if not loop.last }}
        {%- endfor %}
    where false
    {%- endif %}

),

trimmed as (

    select
        raw_rows.*
        {%- for column in columns + [{'name': '_loaded_at'}] if raw.found and column.name in raw_types and kpi_warehouse.raw_kind(raw_types[column.name].type) == 'text' %},
        {{ kpi_warehouse.trimmed(kpi_warehouse.as_text('raw_rows.raw_' ~ column.name)) }} as bare_{{ column.name }}
        {%- endfor %}
    from raw_rows

),
{% if zone_columns %}
zones as (

    select spelling, zone_name from {{ zones }}

),
{% endif %}
{%- if has_clock %}
clocks as (

    select {{ clock.key }} as clock_key, time_zone from {{ clock.relation }}

),
{% endif %}
read_values as (

    select
        trimmed.*,
        {%- for column in columns %}
        {%- if not raw.found or column.name not in raw_types %}
        {{ kpi_warehouse.typed_null(column.type) }} as read_{{ column.name }},
        {%- elif column.is_time_zone %}
        zones.zone_name as read_{{ column.name }},
        {%- else %}
        {{ kpi_warehouse.read_value('trimmed.', column.name, column.type, raw_types, day_zone) }} as read_{{ column.name }},
        {%- endif %}
        {%- endfor %}
        {% if '_loaded_at' in raw_types -%}
        {{ kpi_warehouse.read_value('trimmed.', '_loaded_at', 'ts', raw_types) }}
        {%- else -%}
        {{ kpi_warehouse.typed_null('ts') }}
        {%- endif %} as read__loaded_at
    from trimmed
    {%- for name in zone_columns %}
    left join zones on lower({{ kpi_warehouse.read_value('trimmed.', name, 'text', raw_types) }}) = zones.spelling
    {%- endfor %}
    {%- if has_clock %}
    left join clocks on {{ kpi_warehouse.read_value('trimmed.', clock.key, 'id', raw_types) }} = clocks.clock_key
    {%- endif %}

),
{%- set doubts = {} %}
{%- for column in columns if raw.found and column.name in raw_types %}
    {%- set doubt = kpi_warehouse.doubt_about(column, raw_types[column.name].type) -%}
    {%- if doubt %}{% do doubts.update({column.name: doubt}) %}{% endif -%}
{%- endfor %}
{%- if '_loaded_at' in raw_types %}{% do doubts.update({'_loaded_at': kpi_warehouse.doubt_about({'name': '_loaded_at', 'type': 'ts'}, 'timestamp')}) %}{% endif %}

doubted as (

    select
        read_values.*
        {%- for name, doubt in doubts.items() %},
        {{ doubt }} as doubt_{{ name }}
        {%- endfor %}
    from read_values

),

parsed as (

    select
        doubted.*,
        {%- for name in columns | map(attribute='name') | list + ['_loaded_at'] %}
        {{ kpi_warehouse.undoubted(name, doubts) }} as {{ 'landed_at' if name == '_loaded_at' else name }}{{ "," if not loop.last }}
        {%- endfor %}
    from doubted

),
{% if lookup is not none %}
looked_up as (

    select
        {{ lookup.key }},
        {%- for column in lookup.columns %}
        {{ column }} as lookup_{{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ lookup.relation }}

),
{% endif %}
reasoned as (

    select
        parsed.*,
        case
            {%- if has_misfits %}
            when parsed._landed_fault is not null then parsed._landed_fault || ':_row'
            {%- endif %}
            {%- for column in columns if column.is_required %}
            {%- if column.name in doubts %}
            when parsed.{{ column.name }} is null and parsed.doubt_{{ column.name }} is not null then parsed.doubt_{{ column.name }} || ':{{ column.name }}'
            {%- endif %}
            {%- if column.name in raw_types and not kpi_warehouse.is_native(column.type, raw_types[column.name].type) %}
            when parsed.{{ column.name }} is null and not {{ kpi_warehouse.landed_nothing('parsed.', column.name, raw_types) }} then 'unparseable:{{ column.name }}'
            {%- endif %}
            when parsed.{{ column.name }} is null then 'missing_required:{{ column.name }}'
            {%- endfor %}
            {%- set identity = kpi_warehouse.contract_meta(node, 'identity_columns', []) %}
            {%- if identity %}
            when coalesce({% for name in identity %}parsed.{{ name }}{{ ", " if not loop.last }}{% endfor %}) is null then 'no_identity:{{ identity[0] }}'
            {%- endif %}
            {%- for span in kpi_warehouse.contract_meta(node, 'spans', []) %}
            when {{ kpi_warehouse.span_is_reversed(columns, span) }} then 'ends_before_start:{{ span[1] }}'
            {%- endfor %}
            {%- if own_time and var('as_of') %}
            when parsed.{{ own_time }} > {{ kpi_warehouse.as_of_given() }} then 'from_the_future:{{ own_time }}'
            {%- endif %}
            {%- for judgement in judgements if lookup is none %}
            when {{ judgement.condition }} then '{{ judgement.reason }}:{{ judgement.column }}'
            {%- endfor %}
        end as _fault,
        {% if judgements and lookup is not none -%}
        case
            {%- for judgement in judgements %}
            when {{ judgement.condition }} then '{{ judgement.reason }}:{{ judgement.column }}'
            {%- endfor %}
        end
        {%- else -%}
        {{ kpi_warehouse.typed_null('text') }}
        {%- endif %} as _winner_fault
    from parsed
    {%- if lookup is not none %}
    left join looked_up on parsed.{{ lookup.key }} = looked_up.{{ lookup.key }}
    {%- endif %}

),

judged as (

    select
        {%- for column in columns %}
        {%- if column.accepted %}
        case
            when {{ column.name }} is null then null
            when {{ column.name }} in ({% for value in column.accepted %}'{{ value }}'{{ ", " if not loop.last }}{% endfor %}) then {{ column.name }}
            else 'unknown'
        end as {{ column.name }},
        {%- elif column.has_happened and not column.is_required and var('as_of') %}
        case when {{ column.name }} <= {{ kpi_warehouse.as_of_given() }} then {{ column.name }} end as {{ column.name }},
        {%- else %}
        {{ column.name }},
        {%- endif %}
        {%- endfor %}
        coalesce(landed_at{{ ', ' ~ own_time if own_time }}) as _loaded_at,
        {% if has_misfits -%}
        case when _landed_fault is null then {{ kpi_warehouse.joined_parts(keys, '|') }} else _landed_file || ':' || {{ kpi_warehouse.as_text('_landed_line') }} end
        {%- else -%}
        {{ kpi_warehouse.joined_parts(keys, '|') }}
        {%- endif %} as _row_key,
        split_part(_fault, ':', 1) as _reject_reason,
        split_part(_fault, ':', 2) as _reject_column,
        _winner_fault,
        {%- set checks = [] %}
        {%- for column in columns if not column.is_required and column.name in raw_types and not kpi_warehouse.is_native(column.type, raw_types[column.name].type) and column.type not in ('id', 'code', 'text') %}
        {%- do checks.append("case when " ~ column.name ~ " is null and " ~ ("doubt_" ~ column.name ~ " is null and " if column.name in doubts else "") ~ "not " ~ kpi_warehouse.landed_nothing('', column.name, raw_types) ~ " then '" ~ column.name ~ "' end") %}
        {%- endfor %}
        {{ kpi_warehouse.concat_present(checks) }} as _unparsed_columns,
        {%- set checks = [] %}
        {%- for column in columns if column.accepted or column.known %}
        {%- do checks.append("case when " ~ column.name ~ " not in ('" ~ (column.accepted or column.known) | join("', '") ~ "') then '" ~ column.name ~ "' end") %}
        {%- endfor %}
        {{ kpi_warehouse.concat_present(checks) }} as _unknown_columns,
        {%- set checks = [] %}
        {%- for name in doubts %}
        {%- do checks.append("doubt_" ~ name ~ " || ':" ~ name ~ "'") %}
        {%- endfor %}
        {{ kpi_warehouse.concat_present(checks) }} as _doubted_columns,
        case
            {%- if has_misfits %}
            when _landed_fault is not null then {{ kpi_warehouse.json_object({'_file': '_landed_file', '_line': '_landed_line', '_values': '_landed_values'}) }}
            {%- endif %}
            when coalesce(_fault, _winner_fault) is not null then {{ kpi_warehouse.raw_row_as_json(places) }}
        end as _raw_row
    from reasoned

),

repeated_keys as (

    select {{ keys | join(', ') }}
    from judged
    where _reject_reason is null
    group by {{ keys | join(', ') }}
    having count(*) > 1

),

ranked as (

    select
        {%- for column in columns %}
        judged.{{ column.name }},
        {%- endfor %}
        judged._loaded_at,
        judged._row_key,
        judged._reject_reason,
        judged._reject_column,
        judged._winner_fault,
        judged._unparsed_columns,
        judged._unknown_columns,
        judged._doubted_columns,
        judged._raw_row,
        row_number() over (
            partition by {% for key in keys %}judged.{{ key }}{{ ", " if not loop.last }}{% endfor %}
            order by
                judged._loaded_at {{ 'desc' if newest_wins else 'asc' }} nulls last,
                {%- for column in columns if not column.is_key %}
                {{ kpi_warehouse.as_text('judged.' ~ column.name) }} desc nulls last{{ "," if not loop.last }}
                {%- else %}
                judged._row_key
                {%- endfor %}
        ) as place_in_key
    from judged
    inner join repeated_keys
        on {% for key in keys %}judged.{{ key }} is not distinct from repeated_keys.{{ key }}{{ "
        and " if not loop.last }}{% endfor %}
    where judged._reject_reason is null

),

singles as (

    select
        {%- for column in columns %}
        judged.{{ column.name }},
        {%- endfor %}
        judged._loaded_at,
        judged._row_key,
        judged._reject_reason,
        judged._reject_column,
        judged._winner_fault,
        judged._unparsed_columns,
        judged._unknown_columns,
        judged._doubted_columns,
        judged._raw_row,
        1 as place_in_key
    from judged
    -- a refused row may find its key here too and is kept all the same: a condition on one side alone would make
    -- the join quadratic
    left join repeated_keys
        on {% for key in keys %}judged.{{ key }} is not distinct from repeated_keys.{{ key }}{{ "
        and " if not loop.last }}{% endfor %}
    where judged._reject_reason is not null or repeated_keys.{{ (columns | selectattr('is_key') | selectattr('is_required') | map(attribute='name') | list)[0] }} is null

),

every_row as (

    select * from ranked
    union all
    select * from singles

)

select
    {%- for column in columns %}
    {{ column.name }},
    {%- endfor %}
    _loaded_at,
    _row_key,
    case when place_in_key = 1 then coalesce(_reject_reason, split_part(_winner_fault, ':', 1)) end as _reject_reason,
    case when place_in_key = 1 then coalesce(_reject_column, split_part(_winner_fault, ':', 2)) end as _reject_column,
    _unparsed_columns,
    _unknown_columns,
    _doubted_columns,
    place_in_key > 1 as _is_duplicate,
    case when place_in_key = 1 then _raw_row end as _raw_row
from every_row
{%- endif -%}
{% endmacro %}

{# A landed column, from the CTE with the trimmed texts, as a contract type. #}
{% macro read_value(prefix, name, type, raw_types, zone=none) -%}
    {%- set raw_type = raw_types[name].type -%}
    {%- if kpi_warehouse.raw_kind(raw_type) == 'text' -%}
        {{ kpi_warehouse.parse_value(prefix ~ 'bare_' ~ name, type, 'text', is_trimmed=true, zone=zone) }}
    {%- else -%}
        {{ kpi_warehouse.parse_value(prefix ~ 'raw_' ~ name, type, raw_type, zone=zone) }}
    {%- endif -%}
{%- endmacro %}

{# True where a landed column says nothing. #}
{% macro landed_nothing(prefix, name, raw_types) -%}
    {%- if kpi_warehouse.raw_kind(raw_types[name].type) == 'text' -%}
        {{ kpi_warehouse.raw_is_missing(prefix ~ 'bare_' ~ name, 'text', is_trimmed=true) }}
    {%- else -%}
        {{ kpi_warehouse.raw_is_missing(prefix ~ 'raw_' ~ name, raw_types[name].type) }}
    {%- endif -%}
{%- endmacro %}

{# Columns of a relation as [{name, type}]. #}
{% macro relation_columns(relation) %}
    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do columns.append({'name': column.name, 'type': column.data_type | lower}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{# True where the end of a span lies before its start; a time against a date compares business dates. #}
{% macro span_is_reversed(columns, span) -%}
    {%- set types = {} -%}
    {%- for column in columns %}{% do types.update({column.name: column.type}) %}{% endfor -%}
    {%- if types[span[0]] == 'ts' and types[span[1]] == 'date' -%}
        parsed.{{ span[1] }} < {{ kpi_warehouse.date_of(kpi_warehouse.to_local('parsed.' ~ span[0], "'" ~ var('business_timezone') ~ "'")) }}
    {%- else -%}
        parsed.{{ span[1] }} < parsed.{{ span[0] }}
    {%- endif -%}
{%- endmacro %}

{# The accepted winners of a landed table: what every later model reads. #}
{% macro staged(domain, table) -%}
{%- set base = ref('base_' ~ domain ~ '__' ~ table) -%}
{%- if not execute -%}
select 1 as parsing
{%- else -%}
with

landed as (

    select * from {{ base }}

)

select
    {%- for column in kpi_warehouse.contract_columns(kpi_warehouse.contract_table(domain, table)) %}
    {{ column.name }},
    {%- endfor %}
    _loaded_at
from landed
where _reject_reason is null and not _is_duplicate
{%- endif -%}
{%- endmacro %}
