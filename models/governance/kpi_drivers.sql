with

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

suspects as (

    select * from {{ ref('kpi_suspect_values') }}

),

-- a change to or from a suspect value has no drivers but the fault
sound as (

    select
        kpi_values.kpi_id,
        kpi_values.version,
        kpi_values.period_grain,
        kpi_values.period_start,
        kpi_values.period_end,
        kpi_values.dimension,
        kpi_values.dimension_value,
        kpi_values.value,
        kpi_values.denominator,
        kpi_values.is_final
    from kpi_values
    left join suspects
        on kpi_values.kpi_id = suspects.kpi_id
        and kpi_values.version = suspects.version
        and kpi_values.period_grain = suspects.period_grain
        and kpi_values.period_start = suspects.period_start
        and kpi_values.dimension = suspects.dimension
        and kpi_values.dimension_value = suspects.dimension_value
    where
        kpi_values.kpi_id in ('ec_cvr', 'mf_oee')
        and kpi_values.value is not null
        and kpi_values.period_grain in ('day', 'week', 'month', 'quarter')
        and suspects.kpi_id is null

),

-- the change of the whole between two periods that follow each other
wholes as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        value,
        denominator,
        is_final,
        lag(period_start) over slice_periods as previous_period_start,
        lag(period_end) over slice_periods as previous_period_end,
        lag(value) over slice_periods as previous_value,
        lag(denominator) over slice_periods as previous_denominator
    from sound
    window slice_periods as (
        partition by kpi_id, version, period_grain, dimension, dimension_value
        order by period_start nulls last
    )

),

changes as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        previous_period_start,
        dimension,
        dimension_value,
        denominator,
        previous_denominator,
        is_final,
        value - previous_value as change
    from wholes
    where previous_period_end = period_start

),

-- a member's weight is its visitors over all visitors: weights times rates add up to the whole, although
-- a visitor of two platforms counts in both
cvr_parts as (

    select
        changes.kpi_id,
        changes.version,
        changes.period_grain,
        changes.period_start,
        changes.previous_period_start,
        changes.change,
        changes.is_final,
        parts.dimension,
        parts.dimension_value,
        parts.period_start = changes.period_start as is_current,
        case
            when parts.period_start = changes.period_start then parts.denominator / changes.denominator
            else parts.denominator / changes.previous_denominator
        end as weight,
        {{ safe_divide('parts.numerator', 'parts.denominator') }} as rate,
        case
            when parts.period_start = changes.period_start then parts.numerator / changes.denominator
            else parts.numerator / changes.previous_denominator
        end as contribution
    from changes
    inner join kpi_values as parts
        on changes.kpi_id = parts.kpi_id
        and changes.version = parts.version
        and changes.period_grain = parts.period_grain
        and parts.period_start in (changes.period_start, changes.previous_period_start)
        and parts.dimension in ('customer_type', 'platform', 'entry', 'utm_source')
    where changes.kpi_id = 'ec_cvr' and changes.dimension = 'all'

),

cvr_members as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        previous_period_start,
        change,
        is_final,
        dimension,
        dimension_value,
        coalesce(max(case when is_current then weight end), 0) as weight,
        coalesce(max(case when not is_current then weight end), 0) as previous_weight,
        max(case when is_current then rate end) as rate,
        max(case when not is_current then rate end) as previous_rate,
        coalesce(max(case when is_current then contribution end), 0) as contribution,
        coalesce(max(case when not is_current then contribution end), 0) as previous_contribution
    from cvr_parts
    group by kpi_id, version, period_grain, period_start, previous_period_start, change, is_final, dimension, dimension_value

),

-- a member without a rate in one of the periods came or went: that is mix
cvr_effects as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        previous_period_start,
        dimension,
        dimension_value,
        change,
        is_final,
        case
            when rate is null or previous_rate is null then contribution - previous_contribution
            else (weight - previous_weight) * (rate + previous_rate) / 2
        end as mix_effect,
        case
            when rate is null or previous_rate is null then 0
            else (rate - previous_rate) * (weight + previous_weight) / 2
        end as rate_effect
    from cvr_members

),

factors as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        dimension,
        dimension_value,
        value
    from kpi_values
    where kpi_id in ('mf_availability', 'mf_performance', 'mf_quality') and value is not null

),

oee_factors as (

    select
        changes.kpi_id,
        changes.version,
        changes.period_grain,
        changes.period_start,
        changes.previous_period_start,
        changes.dimension,
        changes.dimension_value,
        changes.change,
        changes.is_final,
        {% for factor in ['availability', 'performance', 'quality'] -%}
        max(case when factors.kpi_id = 'mf_{{ factor }}' and factors.period_start = changes.period_start then factors.value end) as {{ factor }},
        max(case when factors.kpi_id = 'mf_{{ factor }}' and factors.period_start = changes.previous_period_start then factors.value end) as previous_{{ factor }}{{ "," if not loop.last }}
        {% endfor %}
    from changes
    inner join factors
        on changes.period_grain = factors.period_grain
        and factors.period_start in (changes.period_start, changes.previous_period_start)
        and changes.dimension = factors.dimension
        and changes.dimension_value = factors.dimension_value
        and (changes.version = factors.version or factors.kpi_id = 'mf_quality')
    where changes.kpi_id = 'mf_oee'
    group by
        changes.kpi_id, changes.version, changes.period_grain, changes.period_start, changes.previous_period_start,
        changes.dimension, changes.dimension_value, changes.change, changes.is_final

),

-- each factor's effect averaged over every order in which the three could have moved: the effects add up exactly
oee_effects as (

    select
        kpi_id,
        version,
        period_grain,
        period_start,
        previous_period_start,
        dimension,
        dimension_value,
        change,
        is_final,
        {% for own, one, other in [
            ('availability', 'performance', 'quality'), ('performance', 'availability', 'quality'), ('quality', 'availability', 'performance')
        ] -%}
        ({{ own }} - previous_{{ own }}) * (
            (previous_{{ one }} * previous_{{ other }} + {{ one }} * {{ other }}) / 3
            + ({{ one }} * previous_{{ other }} + previous_{{ one }} * {{ other }}) / 6
        ) as {{ own }}_effect{{ "," if not loop.last }}
        {% endfor %}
    from oee_factors

),

effects as (

    {% for effect in ['mix', 'rate'] -%}
    select
        kpi_id, version, period_grain, period_start, previous_period_start, dimension as split_by, dimension_value as member,
        'all' as dimension, 'all' as dimension_value, '{{ effect }}' as effect, {{ effect }}_effect as contribution, change, is_final
    from cvr_effects
    union all
    {% endfor -%}
    {% for factor in ['availability', 'performance', 'quality'] -%}
    select
        kpi_id, version, period_grain, period_start, previous_period_start, 'factor' as split_by, '{{ factor }}' as member,
        dimension, dimension_value, '{{ factor }}' as effect, {{ factor }}_effect as contribution, change, is_final
    from oee_effects
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select
    kpi_id,
    cast(version as int) as version,
    period_grain,
    period_start,
    previous_period_start,
    dimension,
    dimension_value,
    split_by,
    member,
    effect,
    cast(contribution as {{ type_double() }}) as contribution,
    cast(change as {{ type_double() }}) as change,
    is_final
from effects
where contribution is not null
