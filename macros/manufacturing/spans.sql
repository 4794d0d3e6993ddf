{# The union of overlapping or touching spans [starts_at, ends_at) per key, as a select; empty spans are left out. #}
{% macro merged_spans(spans, keys) -%}
select
    {{ keys | join(', ') }},
    min(starts_at) as starts_at,
    max(ends_at) as ends_at
from (
    select
        marked.*,
        sum(case when marked.starts_at <= marked.covered_until then 0 else 1 end) over (
            partition by {{ keys | join(', ') }}
            order by marked.starts_at, marked.ends_at
            rows between unbounded preceding and current row
        ) as island
    from (
        select
            {{ keys | join(', ') }},
            starts_at,
            ends_at,
            max(ends_at) over (
                partition by {{ keys | join(', ') }}
                order by starts_at, ends_at
                rows between unbounded preceding and 1 preceding
            ) as covered_until
        from {{ spans }}
        where starts_at < ends_at
    ) as marked
) as islands
group by {{ keys | join(', ') }}, island
{%- endmacro %}
