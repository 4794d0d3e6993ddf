with

kpi_values as (

    select * from {{ ref('kpi_values') }}
    where value is not null

),

ranges as (

    select * from {{ ref('stg_dictionary__plausible_ranges') }}

),

components as (

    select * from {{ ref('stg_dictionary__components') }}

),

definitions as (

    select * from {{ ref('stg_dictionary__definitions') }}

),

published_slices as (

    select * from {{ ref('stg_dictionary__slices') }}

),

judged as (

    select
        kpi_values.kpi_id,
        kpi_values.version,
        kpi_values.domain,
        kpi_values.period_grain,
        kpi_values.period_start,
        kpi_values.period_end,
        kpi_values.dimension,
        kpi_values.dimension_value,
        kpi_values.value,
        kpi_values.is_final,
        kpi_values.as_of,
        {{ grain_rank('kpi_values.period_grain') }} as grain_rank,
        ranges.least,
        ranges.greatest,
        ranges.basis,
        coalesce(
            coalesce(kpi_values.sample_size, 0) >= ranges.min_sample
            and {{ is_beyond('kpi_values.value', 'ranges.least', 'ranges.greatest') }},
            false
        ) as is_origin
    from kpi_values
    left join ranges
        on kpi_values.kpi_id = ranges.kpi_id
        and kpi_values.version = ranges.version

),

-- how far beyond, in widths of the plausible range
origins as (

    select
        judged.kpi_id,
        judged.version,
        judged.domain,
        judged.period_grain,
        judged.period_start,
        judged.period_end,
        judged.dimension,
        judged.dimension_value,
        judged.value,
        judged.is_final,
        judged.grain_rank,
        judged.least,
        judged.greatest,
        judged.basis,
        greatest(judged.value - judged.greatest, judged.least - judged.value) / (judged.greatest - judged.least) as distance
    from judged
    where judged.is_origin

),

-- a week that lies in two months is in both for those KPIs alone that have no days to tell which
finest as (

    select
        kpi_id,
        version,
        min({{ grain_rank('period_grain') }}) as grain_rank
    from published_slices
    group by kpi_id, version

),

-- the whole holds every slice; a slice of two dimensions lies in those of each
slices as (

    select distinct domain, dimension, dimension_value
    from judged

),

beyond_slices as (

    select distinct domain, dimension, dimension_value
    from origins

),

wider_slices as (

    select
        domain,
        dimension,
        dimension_value,
        dimension as wider_dimension,
        dimension_value as wider_value
    from beyond_slices
    union
    select
        domain,
        dimension,
        dimension_value,
        'all' as wider_dimension,
        'all' as wider_value
    from beyond_slices
    union
    select
        beyond_slices.domain,
        beyond_slices.dimension,
        beyond_slices.dimension_value,
        slices.dimension as wider_dimension,
        slices.dimension_value as wider_value
    from beyond_slices
    inner join slices
        on beyond_slices.domain = slices.domain
        and (
            (
                left(beyond_slices.dimension, length(slices.dimension) + 1) = slices.dimension || '+'
                and left(beyond_slices.dimension_value, length(slices.dimension_value) + 1) = slices.dimension_value || '+'
            )
            or (
                right(beyond_slices.dimension, length(slices.dimension) + 1) = '+' || slices.dimension
                and right(beyond_slices.dimension_value, length(slices.dimension_value) + 1) = '+' || slices.dimension_value
            )
        )

),

dependents as (

    select
        component_kpi_id as origin_kpi_id,
        component_version as origin_version,
        kpi_id,
        version
    from components
    union
    select
        kpi_id as origin_kpi_id,
        version as origin_version,
        kpi_id,
        version
    from ranges

),

-- every row that holds a row beyond its bounds
resting as (

    select
        judged.kpi_id,
        judged.version,
        judged.period_grain,
        judged.period_start,
        judged.dimension,
        judged.dimension_value,
        origins.kpi_id as origin_kpi_id,
        origins.version as origin_version,
        origins.period_grain as origin_period_grain,
        origins.period_start as origin_period_start,
        origins.dimension as origin_dimension,
        origins.dimension_value as origin_dimension_value,
        origins.value as origin_value,
        origins.least as origin_least,
        origins.greatest as origin_greatest,
        count(*) over (
            partition by
                judged.kpi_id, judged.version, judged.period_grain, judged.period_start, judged.dimension, judged.dimension_value
        ) as origin_rows,
        row_number() over (
            partition by
                judged.kpi_id, judged.version, judged.period_grain, judged.period_start, judged.dimension, judged.dimension_value
            order by
                origins.distance desc nulls last, origins.grain_rank, origins.period_start, origins.kpi_id, origins.version,
                origins.dimension, origins.dimension_value
        ) as place
    from origins
    inner join dependents
        on origins.kpi_id = dependents.origin_kpi_id
        and origins.version = dependents.origin_version
    inner join wider_slices
        on origins.domain = wider_slices.domain
        and origins.dimension = wider_slices.dimension
        and origins.dimension_value = wider_slices.dimension_value
    inner join finest
        on origins.kpi_id = finest.kpi_id
        and origins.version = finest.version
    inner join judged
        on dependents.kpi_id = judged.kpi_id
        and dependents.version = judged.version
        and wider_slices.wider_dimension = judged.dimension
        and wider_slices.wider_value = judged.dimension_value
        and (
            -- the same period: another slice or another KPI
            (
                origins.period_grain = judged.period_grain
                and origins.period_start = judged.period_start
                and not (
                    origins.kpi_id = judged.kpi_id
                    and origins.version = judged.version
                    and origins.dimension = judged.dimension
                    and origins.dimension_value = judged.dimension_value
                )
            )
            or (
                origins.grain_rank < judged.grain_rank
                and origins.period_start < judged.period_end
                and (
                    (
                        origins.period_start >= judged.period_start
                        -- a shift belongs to the day on which it starts
                        and (origins.period_end <= judged.period_end or origins.period_grain = 'shift')
                    )
                    or (
                        origins.period_grain in ('week', 'cohort_week')
                        and origins.grain_rank = finest.grain_rank
                        and origins.period_end > judged.period_start
                    )
                )
                -- a stock is that of the last day; while the period is open, of the day that is open
                and (
                    (origins.basis = 'flow' and judged.basis = 'flow')
                    or origins.period_end = judged.period_end
                    or not (origins.is_final or judged.is_final)
                )
            )
        )

),

suspect as (

    select
        judged.kpi_id,
        judged.version,
        judged.domain,
        judged.period_grain,
        judged.period_start,
        judged.period_end,
        judged.dimension,
        judged.dimension_value,
        judged.value,
        judged.least,
        judged.greatest,
        judged.is_origin,
        judged.is_final,
        judged.as_of,
        resting.origin_kpi_id,
        resting.origin_version,
        resting.origin_period_grain,
        resting.origin_period_start,
        resting.origin_dimension,
        resting.origin_dimension_value,
        resting.origin_value,
        resting.origin_least,
        resting.origin_greatest,
        coalesce(resting.origin_rows, 0) as origin_rows
    from judged
    left join resting
        on judged.kpi_id = resting.kpi_id
        and judged.version = resting.version
        and judged.period_grain = resting.period_grain
        and judged.period_start = resting.period_start
        and judged.dimension = resting.dimension
        and judged.dimension_value = resting.dimension_value
        and resting.place = 1
    where judged.is_origin or resting.kpi_id is not null

)

select
    suspect.kpi_id,
    suspect.version,
    suspect.domain,
    suspect.period_grain,
    suspect.period_start,
    suspect.period_end,
    suspect.dimension,
    suspect.dimension_value,
    suspect.value,
    suspect.least,
    suspect.greatest,
    suspect.is_origin,
    suspect.origin_kpi_id as rests_on_kpi_id,
    suspect.origin_version as rests_on_version,
    suspect.origin_period_grain as rests_on_period_grain,
    suspect.origin_period_start as rests_on_period_start,
    suspect.origin_dimension as rests_on_dimension,
    suspect.origin_dimension_value as rests_on_dimension_value,
    suspect.origin_value as rests_on_value,
    suspect.origin_rows as rests_on_rows,
    case
        when suspect.is_origin then {{ as_text('round(suspect.value, 6)') }}
            || case
                when suspect.value < suspect.least then ' is below the least plausible value ' || {{ as_text('suspect.least') }}
                else ' is above the greatest plausible value ' || {{ as_text('suspect.greatest') }}
            end
        else ''
    end
    || case
        when suspect.origin_kpi_id is null then ''
        else case when suspect.is_origin then '; ' else '' end
            || 'rests on ' || coalesce(origin_definitions.kpi_name_en, suspect.origin_kpi_id)
            || ' ' || {{ as_text('round(suspect.origin_value, 6)') }}
            || ' of ' || suspect.origin_dimension || ' ' || suspect.origin_dimension_value
            || ', ' || suspect.origin_period_grain || ' ' || {{ as_text('suspect.origin_period_start') }}
            || case
                when suspect.origin_value < suspect.origin_least
                    then ' (below the least plausible value ' || {{ as_text('suspect.origin_least') }} || ')'
                else ' (above the greatest plausible value ' || {{ as_text('suspect.origin_greatest') }} || ')'
            end
            || case
                when suspect.origin_rows > 1 then ' and ' || {{ as_text('suspect.origin_rows - 1') }} || ' more'
                else ''
            end
    end as cause_en,
    case
        when suspect.is_origin then {{ as_text('round(suspect.value, 6)') }}
            || case
                when suspect.value < suspect.least then '低于合理下限' || {{ as_text('suspect.least') }}
                else '高于合理上限' || {{ as_text('suspect.greatest') }}
            end
        else ''
    end
    || case
        when suspect.origin_kpi_id is null then ''
        else case when suspect.is_origin then '；' else '' end
            || '源自' || coalesce(origin_definitions.kpi_name_zh, suspect.origin_kpi_id)
            || '：' || suspect.origin_dimension || ' ' || suspect.origin_dimension_value
            || '，' || {{ as_text('suspect.origin_period_start') }}
            || case suspect.origin_period_grain
                when 'quarter_hour' then '起的一刻钟' when 'hour' then '起的一小时' when 'shift' then '起的班次' when 'day' then '当日'
                when 'week' then '当周' when 'month' then '当月' when 'quarter' then '当季'
                when 'cohort_week' then '当周首购群' when 'cohort_month' then '当月群组' else ''
            end
            || '的值' || {{ as_text('round(suspect.origin_value, 6)') }}
            || case
                when suspect.origin_value < suspect.origin_least then '(低于合理下限' || {{ as_text('suspect.origin_least') }} || ')'
                else '(高于合理上限' || {{ as_text('suspect.origin_greatest') }} || ')'
            end
            || case
                when suspect.origin_rows > 1 then '，另有' || {{ as_text('suspect.origin_rows - 1') }} || '处'
                else ''
            end
    end as cause_zh,
    suspect.is_final,
    suspect.as_of
from suspect
left join definitions as origin_definitions
    on suspect.origin_kpi_id = origin_definitions.kpi_id
    and suspect.origin_version = origin_definitions.version
