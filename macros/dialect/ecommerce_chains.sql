{#
    Elimination of the states of an absorbing chain, one per round (int_ecommerce__removal_effects). `matrix` has month_date,
    from_state, from_no, to_no, visits and last_round (the number of channels). DuckDB recurses; Spark allows no window in a
    recursion (and overflows its stack on rounds written out), so it folds the month's whole matrix as an array of lines.
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

{% macro spark__eliminate_states(matrix, result) -%}
{{ result }}_lines as (          -- a line of the matrix: conversion first, then the channels by number

    select
        month_date,
        from_no,
        max(last_round) as last_round,
        transform(array_sort(collect_list(struct(to_no, visits))), cell -> cell.visits) as line
    from {{ matrix }}
    group by month_date, from_no

),

{{ result }}_grids as (          -- the start first, then the channels by number

    select
        month_date,
        max(last_round) as last_round,
        transform(array_sort(collect_list(struct(from_no, line))), entry -> entry.line) as grid
    from {{ result }}_lines
    group by month_date

),

{{ result }}_ends as (

    select
        month_date,
        aggregate(
            sequence(1, last_round),
            grid,
            (so_far, c) -> transform(
                so_far,
                line -> transform(
                    line,
                    (visits, j) -> visits + element_at(line, c + 1) * element_at(element_at(so_far, c + 1), j + 1)
                        / (1 - element_at(element_at(so_far, c + 1), c + 1))
                )
            )
        ) as grid
    from {{ result }}_grids

),

{{ result }} as (

    select
        {{ matrix }}.month_date,
        {{ matrix }}.from_state,
        {{ matrix }}.from_no,
        {{ matrix }}.to_no,
        element_at(element_at({{ result }}_ends.grid, {{ matrix }}.from_no + 1), greatest({{ matrix }}.to_no, 0) + 1) as visits
    from {{ matrix }}
    inner join {{ result }}_ends on {{ matrix }}.month_date = {{ result }}_ends.month_date

)
{%- endmacro %}
