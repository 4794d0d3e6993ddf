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
