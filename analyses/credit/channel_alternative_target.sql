{#
    Question    Does a channel reach its 30+ target by the alternative: not above its own start less 20 %?
    How to read One row per channel and month end from the programme's start on. The start (M0) is the channel's 30+ rate at the end of the month before the
                var `programme_start`. `absolute_target` is the channel's own of kpi_targets, `alternative_target` = start x (1 - 20 %) (dictionary:
                cr_rule_channel_target); either is enough (`is_met`). Without a start only the absolute one counts. The KPI targets in
                kpi_scorecard are the absolute ones.
    What to do  A channel that meets the alternative only: on its way, keep the quota. Neither: dynamic quota, pricing, temporary limit; suspend
                sub-channels of high risk.
#}
with

kpi_values as (

    select * from {{ ref('kpi_values') }}
    where kpi_id = 'cr_dpd30_rate' and dimension = 'channel' and period_grain = 'month'

),

newest_versions as (

    select max(version) as version
    from kpi_values

),

targets as (

    select * from {{ ref('kpi_targets') }}
    where kpi_id = 'cr_dpd30_rate' and dimension = 'channel' and period_grain = 'month'

),

parameters as (

    select max(value) as relative_change
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_rule_channel_target' and parameter = 'relative_change'

),

month_ends as (

    select
        kpi_values.dimension_value as channel,
        cast(kpi_values.period_start as date) as month_start,
        kpi_values.numerator,
        kpi_values.denominator,
        kpi_values.value,
        kpi_values.is_final
    from kpi_values
    inner join newest_versions on kpi_values.version = newest_versions.version

),

starts as (

    select channel, value as start_value
    from month_ends
    where month_start = {{ add_months(date_literal(var('programme_start')), -1) }}

),

absolute_targets as (

    select dimension_value as channel, max(target_value) as absolute_target
    from targets
    group by dimension_value

),

compared as (

    select
        month_ends.channel,
        month_ends.month_start,
        month_ends.numerator as accounts_at_30,
        month_ends.denominator as active_accounts,
        month_ends.value,
        starts.start_value,
        {{ safe_divide('month_ends.value - starts.start_value', 'starts.start_value') }} as change_on_start,
        absolute_targets.absolute_target,
        starts.start_value * (1 + parameters.relative_change) as alternative_target,
        month_ends.is_final
    from month_ends
    cross join parameters
    left join starts on month_ends.channel = starts.channel
    left join absolute_targets on month_ends.channel = absolute_targets.channel
    where month_ends.month_start >= {{ date_literal(var('programme_start')) }}

)

select
    channel,
    month_start,
    accounts_at_30,
    active_accounts,
    value,
    start_value,
    change_on_start,
    absolute_target,
    alternative_target,
    value <= absolute_target as meets_absolute,
    value <= alternative_target as meets_alternative,
    coalesce(value <= absolute_target, false) or coalesce(value <= alternative_target, false) as is_met,
    is_final
from compared
order by channel, month_start
