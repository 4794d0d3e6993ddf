{# What the account KPIs of credit share. #}

{# Days past due of a row of int_credit__dpd_spells on a day within it. #}
{% macro credit_dpd(spell, day) -%}
    case
        when {{ spell }}.snapshot_dpd is not null then {{ spell }}.snapshot_dpd
        when {{ day }} >= {{ spell }}.arrears_from_date then {{ kpi_warehouse.days_between_dates(spell ~ '.due_date', day) }}
        else 0
    end
{%- endmacro %}

{# True where what a KPI with a DPD counts is landed; reads the CTE `landed` (stg_credit__landed). #}
{% macro credit_dpd_is_landed() -%}
    (
        {{ kpi_warehouse.credit_is_landed([['accounts', 'account_id']]) }}
        and (
            {{ kpi_warehouse.credit_is_landed([['instalments', 'account_id'], ['repayments', 'account_id']]) }}
            or {{ kpi_warehouse.credit_is_landed([['dpd_snapshots', 'account_id']]) }}
        )
    )
{%- endmacro %}

{# One row with the lower bounds of the DPD buckets: b1_min, b30_min, b60_min, b90_min. #}
{% macro credit_bucket_bounds() -%}
    select
        {%- for bound in ['b1_min', 'b30_min', 'b60_min', 'b90_min'] %}
        cast(max(value) filter (where parameter = '{{ bound }}') as int) as {{ bound }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_rule_buckets'
{%- endmacro %}

{# The bucket of a DPD (current, 1-29, 30-59, 60-89, 90+) by the bounds in a relation of `credit_bucket_bounds`. #}
{% macro credit_bucket(dpd, bounds) -%}
    case
        when {{ dpd }} >= {{ bounds }}.b90_min then concat({{ bounds }}.b90_min, '+')
        {%- for lower, upper in [('b60_min', 'b90_min'), ('b30_min', 'b60_min'), ('b1_min', 'b30_min')] %}
        when {{ dpd }} >= {{ bounds }}.{{ lower }} then concat({{ bounds }}.{{ lower }}, '-', {{ bounds }}.{{ upper }} - 1)
        {%- endfor %}
        when {{ dpd }} is not null then 'current'
    end
{%- endmacro %}
