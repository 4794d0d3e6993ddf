with

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

month_ends as (

    select * from {{ ref('int_credit__month_ends') }}

),

scores as (

    select * from {{ ref('int_credit__banded_scores') }}
    where not is_development_sample

),

horizon as (

    select as_of, {{ month_start('as_of') }} as as_of_month
    from {{ ref('int_credit__as_of') }}

),

readings as (         -- when an account is read and what is bad then, per KPI that judges a model

    select
        metric_id as kpi_id,
        version,
        cast(max(value) filter (where parameter = 'mob') as int) as mob,
        cast(max(value) filter (where parameter = 'dpd_min') as int) as dpd_min
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id in ('cr_calibration_deviation', 'cr_ks', 'cr_auc')
    group by metric_id, version

),

distinct_readings as (

    select distinct mob, dpd_min
    from readings

),

read_months as (      -- an account that has not reached the month on book is read as it stands

    select
        accounts.account_id,
        accounts.application_id,
        accounts.cohort_month,
        distinct_readings.mob,
        distinct_readings.dpd_min,
        least({{ add_months('accounts.cohort_month', 'distinct_readings.mob') }}, horizon.as_of_month) as read_month,
        cast({{ add_months('accounts.cohort_month', 'distinct_readings.mob + 1') }} as {{ type_ts() }}) <= horizon.as_of
            as is_matured
    from accounts
    cross join distinct_readings
    cross join horizon
    where accounts.application_id is not null

),

outcomes as (

    select
        read_months.account_id,
        read_months.application_id,
        read_months.cohort_month,
        read_months.mob,
        read_months.dpd_min,
        read_months.is_matured,
        month_ends.state = 'charged_off' or coalesce(month_ends.dpd >= read_months.dpd_min, false) as is_bad
    from read_months
    inner join month_ends
        on read_months.account_id = month_ends.account_id and read_months.read_month = month_ends.month_start

),

ranked_scores as (

    select
        application_id,
        model_version,
        score,
        score_band,
        expected_pd,
        row_number() over (partition by application_id order by scored_at desc, model_version desc) = 1 as is_newest
    from scores

)

select
    readings.kpi_id,
    readings.version,
    outcomes.account_id,
    outcomes.cohort_month,
    ranked_scores.model_version,
    ranked_scores.score,
    ranked_scores.score_band,
    ranked_scores.expected_pd,
    ranked_scores.is_newest,
    outcomes.is_bad,
    outcomes.is_matured
from outcomes
inner join readings on outcomes.mob = readings.mob and outcomes.dpd_min = readings.dpd_min
inner join ranked_scores on outcomes.application_id = ranked_scores.application_id
