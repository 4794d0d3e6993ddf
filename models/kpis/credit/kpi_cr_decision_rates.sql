with

applications as (

    select * from {{ ref('fct_applications') }}
    where decided_at is not null and not is_duplicate

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}

),

dictionary_slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        (kpi_id = 'cr_approval_rate' and {{ credit_is_landed([['application_events', 'outcome']]) }})
        or (kpi_id = 'cr_stp_rate' and {{ credit_is_landed([['application_events', 'actor']]) }})
        or (
            kpi_id in ('cr_manual_review_rate', 'cr_first_time_pass_rate')
            and {{ credit_is_landed([['application_events', 'node']]) }}
        )

),

slices as (

    select
        dictionary_slices.kpi_id,
        dictionary_slices.version,
        dictionary_slices.period_grain,
        dictionary_slices.dimension,
        parameters.value as final_decisions
    from dictionary_slices
    left join parameters
        on dictionary_slices.kpi_id = parameters.metric_id
        and dictionary_slices.version = parameters.version
        and parameters.parameter = 'final_decisions'

),

decided_by_day as (

    select
        {{ start_of('day', 'decided_local_at') }} as decided_day,
        customer_type,
        channel,
        product_line,
        coalesce(outcome = 'approved', false) as is_approved,
        has_human_actor or has_supplement_request as is_interrupted,
        decision_count,
        has_manual_review,
        is_first_time_pass,
        count(*) as applications
    from applications
    group by
        {{ start_of('day', 'decided_local_at') }}, customer_type, channel, product_line,
        coalesce(outcome = 'approved', false), has_human_actor or has_supplement_request, decision_count,
        has_manual_review, is_first_time_pass

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'decided_by_day.decided_day') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'decided_by_day', ['customer_type', 'channel', 'product_line', 'customer_type+channel']) }} as dimension_value,
        case slices.kpi_id
            when 'cr_approval_rate' then decided_by_day.is_approved
            when 'cr_stp_rate'
                then not decided_by_day.is_interrupted and decided_by_day.decision_count = slices.final_decisions
            when 'cr_manual_review_rate' then decided_by_day.has_manual_review
            when 'cr_first_time_pass_rate' then decided_by_day.is_first_time_pass
        end as is_counted,
        decided_by_day.applications
    from decided_by_day
    cross join slices

),

measured as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        sum(case when is_counted then applications else 0 end) as numerator,
        sum(applications) as denominator,
        {{ safe_divide('sum(case when is_counted then applications else 0 end)', 'sum(applications)') }} as value,
        sum(applications) as sample_size,
        true as is_matured
    from sliced
    group by kpi_id, version, period_grain, period_start, dimension, dimension_value

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
