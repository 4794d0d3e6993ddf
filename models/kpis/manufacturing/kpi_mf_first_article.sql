with

first_articles as (

    select * from {{ ref('stg_manufacturing__first_article_inspections') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'mf_first_article_pass_rate'

),

numbered as (

    select
        line_id,
        inspected_at,
        passed,
        row_number() over (
            partition by work_order_id, line_id
            order by attempt_no, inspected_at, inspection_id
        ) as attempt_rank
    from first_articles

),

facts as (

    select
        numbered.line_id,
        {{ bool_to_int('numbered.passed') }} as is_passed,
        {{ place_columns('numbered.inspected_at') }}
    from numbered
    {{ place_joins('numbered.line_id', 'numbered.inspected_at') }}
    where numbered.attempt_rank = 1

),

per_slice as (

    {{ sum_by_slice(
        'facts', 'slices',
        {'numerator': 'facts.is_passed', 'denominator': '1', 'sample_size': '1'},
        dimensions=['line', 'shift_name']
    ) }}

),

measured as (

    {{ ratio_of_sums('per_slice') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
