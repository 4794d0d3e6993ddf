-- Question: did CVR move because the traffic changed (mix) or because the same traffic buys more or less (rate)?
-- Reads: the official CVR of the newest closed period against the one before, split by new and returning, platform, entry and
--   utm_source. Of each split the contributions of all members add up to `cvr_change`; the first rows hold the largest.
-- To do: mix is the larger part: a matter of buying traffic, look at channel_return.sql and attribution_early_touches.sql before the
--   shop is blamed. Rate is: go on with funnel_step_losses.sql for the member that lost.
-- Other periods: --vars '{analysis_grain: week}' (day, week, month, quarter).
with

drivers as (

    select * from {{ ref('kpi_drivers') }}
    where kpi_id = 'ec_cvr' and period_grain = '{{ var("analysis_grain", "month") }}' and is_final

),

official as (

    select * from {{ ref('kpi_official_values') }}
    where kpi_id = 'ec_cvr' and period_grain = '{{ var("analysis_grain", "month") }}'

),

newest as (          -- the newest closed period with a change to explain

    select max(drivers.period_start) as period_start
    from drivers
    inner join official
        on drivers.version = official.version and drivers.period_start = official.period_start and official.dimension = 'all'

),

effects as (

    select
        drivers.version,
        drivers.period_start,
        drivers.previous_period_start,
        drivers.change,
        drivers.split_by,
        drivers.member,
        sum(case when drivers.effect = 'mix' then drivers.contribution else 0 end) as mix_effect,
        sum(case when drivers.effect = 'rate' then drivers.contribution else 0 end) as rate_effect
    from drivers
    inner join newest on drivers.period_start = newest.period_start
    inner join official
        on drivers.version = official.version and drivers.period_start = official.period_start and official.dimension = 'all'
    group by
        drivers.version, drivers.period_start, drivers.previous_period_start, drivers.change, drivers.split_by, drivers.member

)

select
    effects.period_start,
    effects.split_by,
    effects.member,
    past.value as previous_cvr,
    present.value as cvr,
    past.denominator as previous_visitors,
    present.denominator as visitors,
    effects.mix_effect,
    effects.rate_effect,
    effects.mix_effect + effects.rate_effect as contribution,
    effects.change as cvr_change
from effects
left join {{ ref('kpi_values') }} as present
    on
        present.kpi_id = 'ec_cvr'
        and effects.version = present.version
        and present.period_grain = '{{ var("analysis_grain", "month") }}'
        and effects.period_start = present.period_start
        and effects.split_by = present.dimension
        and effects.member = present.dimension_value
left join {{ ref('kpi_values') }} as past
    on
        past.kpi_id = 'ec_cvr'
        and effects.version = past.version
        and past.period_grain = '{{ var("analysis_grain", "month") }}'
        and effects.previous_period_start = past.period_start
        and effects.split_by = past.dimension
        and effects.member = past.dimension_value
order by effects.split_by, abs(effects.mix_effect + effects.rate_effect) desc, effects.member
