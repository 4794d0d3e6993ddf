with

applications as (

    select * from {{ ref('fct_applications') }}
    where decided_at is not null and not is_duplicate

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}

),

dictionary_slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('cr_att_avg_minutes', 'cr_att_p50_minutes', 'cr_att_p90_minutes')

),

slices as (

    -- the percentile that is published, or above which durations are trimmed
    select
        dictionary_slices.kpi_id,
        dictionary_slices.version,
        dictionary_slices.period_grain,
        dictionary_slices.dimension,
        parameters.value as percentile
    from dictionary_slices
    inner join parameters
        on dictionary_slices.kpi_id = parameters.metric_id
        and dictionary_slices.version = parameters.version
        and parameters.parameter in ('percentile', 'trim_percentile')

),

cuts as (

    select distinct period_grain, dimension
    from slices

),

cut_durations as (

    select
        cuts.period_grain,
        {{ period_start('cuts.period_grain', 'applications.decided_local_at') }} as period_start,
        cuts.dimension,
        {{ credit_member('cuts.dimension', 'applications', ['customer_type', 'channel', 'product_line', 'customer_type+channel']) }} as dimension_value,
        applications.turnaround_minutes
    from applications
    cross join cuts

),

ranked as (

    select
        period_grain,
        period_start,
        dimension,
        dimension_value,
        turnaround_minutes,
        row_number() over (
            partition by period_grain, period_start, dimension, dimension_value order by turnaround_minutes
        ) as duration_rank,
        rank() over (
            partition by period_grain, period_start, dimension, dimension_value order by turnaround_minutes
        ) as tied_rank,
        count(*) over (partition by period_grain, period_start, dimension, dimension_value) as durations
    from cut_durations

),

trimmed_means as (

    -- a duration is at most the percentile if its first equal lies at or before the percentile's place
    select
        slices.kpi_id,
        slices.version,
        ranked.period_grain,
        ranked.period_start,
        ranked.dimension,
        ranked.dimension_value,
        sum(ranked.turnaround_minutes) as numerator,
        count(*) as denominator,
        {{ safe_divide('sum(ranked.turnaround_minutes)', 'count(*)') }} as value,
        count(*) as sample_size
    from ranked
    inner join slices
        on ranked.period_grain = slices.period_grain
        and ranked.dimension = slices.dimension
        and slices.kpi_id = 'cr_att_avg_minutes'
        and ranked.tied_rank - 1 <= {{ percentile_place('slices.percentile', 'ranked.durations') }}
    group by
        slices.kpi_id, slices.version, ranked.period_grain, ranked.period_start, ranked.dimension, ranked.dimension_value

),

percentiles as (

    select
        slices.kpi_id,
        slices.version,
        ranked.period_grain,
        ranked.period_start,
        ranked.dimension,
        ranked.dimension_value,
        {{ ranked_percentile('ranked.turnaround_minutes', 'ranked.duration_rank', 'ranked.durations', 'slices.percentile') }} as value,
        count(*) as sample_size
    from ranked
    inner join slices
        on ranked.period_grain = slices.period_grain
        and ranked.dimension = slices.dimension
        and slices.kpi_id <> 'cr_att_avg_minutes'
    group by
        slices.kpi_id, slices.version, ranked.period_grain, ranked.period_start, ranked.dimension, ranked.dimension_value

),

measured as (

    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        numerator,
        denominator,
        value,
        sample_size,
        true as is_matured
    from trimmed_means
    union all
    select
        kpi_id, version, period_grain, period_start, dimension, dimension_value,
        {{ typed_null('num') }} as numerator,
        {{ typed_null('num') }} as denominator,
        value,
        sample_size,
        true as is_matured
    from percentiles

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
