with

first_articles as (

    select * from {{ ref('stg_manufacturing__first_article_inspections') }}

),

changeovers as (

    select * from {{ ref('int_manufacturing__changeovers') }}

),

described as (

    select
        inspection_id,
        work_order_id,
        line_id,
        machine_id,
        changeover_id,
        inspected_at,
        attempt_no,
        passed,
        row_number() over (
            partition by work_order_id, line_id
            order by attempt_no, inspected_at, inspection_id
        ) = 1 as is_first_attempt
    from first_articles

),

-- the changeover named on the inspection, else the latest of its machine (or line) that ended within the watched time before it
candidates as (

    select
        described.inspection_id,
        changeovers.changeover_id,
        changeovers.first_good_at
    from described
    inner join changeovers on described.changeover_id = changeovers.changeover_id
    union all
    select
        described.inspection_id,
        changeovers.changeover_id,
        changeovers.first_good_at
    from described
    inner join changeovers
        on
            described.line_id = changeovers.line_id
            and (described.machine_id = changeovers.machine_id or described.machine_id is null)
            and changeovers.first_good_at <= described.inspected_at
            and changeovers.first_good_at >= {{ add_seconds('described.inspected_at', '-60 * ' ~ manufacturing_parameter('mf_first_article_pass_rate', 'watch_minutes_after_changeover')) }}
    where described.changeover_id is null

),

after_changeover as (

    select
        inspection_id,
        {{ arg_max('changeover_id', ['first_good_at', 'changeover_id'], where='first_good_at is not null') }} as changeover_id,
        max(first_good_at) as changeover_ended_at
    from candidates
    group by inspection_id

),

placed as (

    select
        described.inspection_id,
        described.work_order_id,
        described.line_id,
        described.machine_id,
        described.inspected_at,
        described.attempt_no,
        described.passed,
        described.is_first_attempt,
        {{ place_columns('described.inspected_at') }}
    from described
    {{ place_joins('described.line_id', 'described.inspected_at') }}

)

select
    {{ as_text('placed.inspection_id') }} as inspection_id,
    {{ as_text('placed.work_order_id') }} as work_order_id,
    {{ as_text('placed.line_id') }} as line_id,
    {{ as_text('placed.machine_id') }} as machine_id,
    placed.inspected_at,
    placed.production_date,
    {{ as_text('placed.shift_name') }} as shift_name,
    cast(placed.attempt_no as {{ type_bigint() }}) as attempt_no,
    placed.is_first_attempt,
    placed.passed as is_passed,
    {{ as_text('after_changeover.changeover_id') }} as changeover_id,
    after_changeover.changeover_id is not null as is_after_changeover,
    cast({{ minutes_between('after_changeover.changeover_ended_at', 'placed.inspected_at') }} as {{ type_double() }}) as minutes_after_changeover
from placed
left join after_changeover on placed.inspection_id = after_changeover.inspection_id
