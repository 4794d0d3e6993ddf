with

score_outcomes as (

    select * from {{ ref('int_credit__score_outcomes') }}

),

slices as (

    select distinct kpi_id, version, dimension
    from {{ ref('stg_dictionary__slices') }}
    where kpi_id in ('cr_calibration_deviation', 'cr_ks', 'cr_auc')

),

weights as (

    select
        max(value) filter (where metric_id = 'cr_auc' and parameter = 'tie_weight') as tie_weight,
        max(value) filter (where metric_id = 'cr_ks' and parameter = 'scale') as ks_scale
    from {{ ref('stg_dictionary__parameters') }}

),

sliced as (           -- an account stands in a model's slice with that model's score, elsewhere with its newest

    select
        slices.kpi_id,
        slices.version,
        score_outcomes.cohort_month,
        slices.dimension,
        {{ credit_member('slices.dimension', 'score_outcomes', ['score_band', 'model_version']) }} as dimension_value,
        score_outcomes.score,
        score_outcomes.expected_pd,
        score_outcomes.is_bad,
        score_outcomes.is_matured
    from score_outcomes
    inner join slices
        on
            score_outcomes.kpi_id = slices.kpi_id
            and score_outcomes.version = slices.version
            and (score_outcomes.is_newest or slices.dimension = 'model_version')

),

calibration as (

    select
        kpi_id,
        version,
        cohort_month,
        dimension,
        dimension_value,
        {{ safe_divide(
            'avg(case when is_bad then 1.0E0 else 0.0E0 end) - avg(expected_pd)', 'avg(expected_pd)'
        ) }} as value,
        count(*) as sample_size,
        {{ all_true('is_matured') }} as is_matured
    from sliced
    where kpi_id = 'cr_calibration_deviation' and expected_pd is not null
    group by kpi_id, version, cohort_month, dimension, dimension_value

),

score_points as (     -- accounts of equal score

    select
        kpi_id,
        version,
        cohort_month,
        dimension,
        dimension_value,
        score,
        count(*) filter (where is_bad) as bads,
        count(*) filter (where not is_bad) as goods,
        {{ all_true('is_matured') }} as is_matured
    from sliced
    where kpi_id in ('cr_ks', 'cr_auc')
    group by kpi_id, version, cohort_month, dimension, dimension_value, score

),

cumulated as (

    select
        kpi_id,
        version,
        cohort_month,
        dimension,
        dimension_value,
        bads,
        goods,
        is_matured,
        sum(bads) over slice_by_score as bads_so_far,
        sum(goods) over slice_by_score as goods_so_far,
        sum(bads) over (partition by kpi_id, version, cohort_month, dimension, dimension_value) as all_bads,
        sum(goods) over (partition by kpi_id, version, cohort_month, dimension, dimension_value) as all_goods
    from score_points
    window slice_by_score as (
        partition by kpi_id, version, cohort_month, dimension, dimension_value
        order by score
        rows between unbounded preceding and current row
    )

),

separation as (       -- a pair of a good and a bad counts where the good scores higher, ties with their weight

    select
        cumulated.kpi_id,
        cumulated.version,
        cumulated.cohort_month,
        cumulated.dimension,
        cumulated.dimension_value,
        max(weights.ks_scale) * max(abs(
            {{ safe_divide('cumulated.bads_so_far', 'cumulated.all_bads') }}
            - {{ safe_divide('cumulated.goods_so_far', 'cumulated.all_goods') }}
        )) as ks,
        {{ safe_divide(
            'sum(cumulated.goods * (cumulated.bads_so_far - cumulated.bads + weights.tie_weight * cumulated.bads))',
            'max(cumulated.all_bads * cumulated.all_goods)'
        ) }} as auc,
        sum(cumulated.bads + cumulated.goods) as sample_size,
        {{ all_true('cumulated.is_matured') }} as is_matured
    from cumulated
    cross join weights
    group by
        cumulated.kpi_id, cumulated.version, cumulated.cohort_month, cumulated.dimension, cumulated.dimension_value
    having max(cumulated.all_bads) > 0 and max(cumulated.all_goods) > 0

)

select kpi_id, version, cohort_month, dimension, dimension_value, value, sample_size, is_matured
from calibration
union all
select
    kpi_id,
    version,
    cohort_month,
    dimension,
    dimension_value,
    case kpi_id when 'cr_ks' then ks when 'cr_auc' then auc end as value,
    sample_size,
    is_matured
from separation
