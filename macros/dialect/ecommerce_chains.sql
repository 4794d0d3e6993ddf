{#
    Elimination of the states of an absorbing chain, one per round (int_ecommerce__removal_effects). `matrix` has month_date,
    from_state, from_no, to_no, visits and last_round (the number of channels). DuckDB recurses, whatever their number; Spark
    allows no window in a recursion, so its rounds are written out, and a month with more channels than rounds stops the run.
#}
{% macro with_recursive() %}{{ return(adapter.dispatch('with_recursive', 'kpi_warehouse')()) }}{% endmacro %}
{% macro default__with_recursive() %}with recursive{% endmacro %}
{% macro spark__with_recursive() %}with{% endmacro %}

{% macro eliminated_visits(state_no) -%}
    visits
        + max(case when to_no = {{ state_no }} then visits end) over (partition by month_date, from_no)
        * max(case when from_no = {{ state_no }} then visits end) over (partition by month_date, to_no)
        / (1 - max(case when from_no = {{ state_no }} and to_no = {{ state_no }} then visits end) over (partition by month_date))
{%- endmacro %}

{% macro eliminate_states(matrix, result) %}{{ return(adapter.dispatch('eliminate_states', 'kpi_warehouse')(matrix, result)) }}{% endmacro %}

{% macro default__eliminate_states(matrix, result) -%}
{{ result }}_rounds as (

    select
        month_date,
        from_state,
        from_no,
        to_no,
        visits,
        last_round,
        cast(0 as int) as rounds
    from {{ matrix }}
    union all
    select
        month_date,
        from_state,
        from_no,
        to_no,
        {{ kpi_warehouse.eliminated_visits('rounds + 1') }} as visits,
        last_round,
        rounds + 1 as rounds
    from {{ result }}_rounds
    where rounds < last_round

),

{{ result }} as (

    select
        month_date,
        from_state,
        from_no,
        to_no,
        visits
    from {{ result }}_rounds
    where rounds = last_round

)
{%- endmacro %}

{% macro spark__eliminate_states(matrix, result, rounds=24) -%}
{{ result }}_0 as (

    select
        month_date,
        from_state,
        from_no,
        to_no,
        case when last_round > {{ rounds }} then raise_error('more advertising channels in a month than elimination rounds') else visits end
            as visits
    from {{ matrix }}

),
{% for round in range(1, rounds + 1) %}
{{ result }}_{{ round }} as (

    select
        month_date,
        from_state,
        from_no,
        to_no,
        coalesce({{ kpi_warehouse.eliminated_visits(round) }}, visits) as visits
    from {{ result }}_{{ round - 1 }}

),
{% endfor %}
{{ result }} as (

    select
        month_date,
        from_state,
        from_no,
        to_no,
        visits
    from {{ result }}_{{ rounds }}

)
{%- endmacro %}
