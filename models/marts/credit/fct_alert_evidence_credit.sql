with

score_outcomes as (

    select * from {{ ref('int_credit__score_outcomes') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'cr_calibration_deviation'

),

-- an account stands in a model's slice with that model's score, elsewhere with its newest
sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'cast(score_outcomes.cohort_month as ' ~ type_ts() ~ ')') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'score_outcomes', ['score_band', 'model_version']) }} as dimension_value,
        score_outcomes.expected_pd,
        score_outcomes.is_bad
    from score_outcomes
    inner join slices
        on
            score_outcomes.kpi_id = slices.kpi_id
            and score_outcomes.version = slices.version
            and (score_outcomes.is_newest or slices.dimension = 'model_version')

)

select
    {{ as_text('kpi_id') }} as kpi_id,
    cast(version as int) as version,
    period_grain,
    period_start,
    dimension,
    {{ as_text('dimension_value') }} as dimension_value,
    cast(count(*) filter (where is_bad) as {{ type_double() }}) as cases,
    cast(sum(expected_pd) as {{ type_double() }}) as expected_cases,
    cast(count(*) as {{ type_double() }}) as members
from sliced
where expected_pd is not null
group by kpi_id, version, period_grain, period_start, dimension, dimension_value
