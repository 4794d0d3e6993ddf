{#
    Question    What is an hour of turnaround worth, what 0.1 pp of 30+, and what did this month's improvement bring (monthly ROI review)?
    How to read One row per month and KPI. `unit_value` is the worth of one step: of an hour less of average turnaround on the month's decisions
                  decisions x (conversion gain x margin + acquisition saving),
                or of 0.1 pp less of 30+ on the accounts active at the month's end
                  0.001 x active accounts x mean principal x exposure share x loss share.
                `steps_on_previous` and `steps_on_baseline` are the hours (steps of 0.1 pp) gained against the month before and the baseline of the
                targets, negative where it got worse; `value_…` is their worth. The assumptions are the seed `value_parameters`; they ship as
                placeholders.
    What to do  Put technology and risk resources where the next step is worth more than it costs; a gain in turnaround that the same month
                loses in 30+ is no gain (`net_value_on_previous` of the month).
#}
with

kpi_values as (

    select * from {{ ref('kpi_values') }}
    where
        period_grain = 'month'
        and dimension = 'all'
        and (kpi_id = 'cr_att_avg_minutes' or kpi_id = 'cr_dpd30_rate')

),

newest_versions as (

    select kpi_id, max(version) as version
    from kpi_values
    group by kpi_id

),

applications as (

    select * from {{ ref('fct_applications') }}
    where decided_at is not null and not is_duplicate

),

accounts as (

    select * from {{ ref('stg_credit__accounts') }}

),

targets as (

    select kpi_id, max(baseline_value) as baseline_value
    from {{ ref('kpi_targets') }}
    where dimension = 'all'
    group by kpi_id

),

value_parameters as (

    select * from {{ ref('value_parameters') }}

),

months as (

    select
        kpi_values.kpi_id,
        cast(kpi_values.period_start as date) as month_start,
        kpi_values.value,
        kpi_values.denominator,
        kpi_values.is_final,
        lag(kpi_values.value) over (partition by kpi_values.kpi_id order by kpi_values.period_start) as previous_value
    from kpi_values
    inner join newest_versions
        on kpi_values.kpi_id = newest_versions.kpi_id and kpi_values.version = newest_versions.version

),

valid_parameters as ( -- the newest assumption that held on the month's first day

    select
        months.kpi_id,
        months.month_start,
        value_parameters.parameter,
        {{ arg_max('value_parameters.value', 'value_parameters.valid_from') }} as value
    from months
    inner join value_parameters
        on months.kpi_id = value_parameters.kpi_id and value_parameters.valid_from <= months.month_start
    group by months.kpi_id, months.month_start, value_parameters.parameter

),

assumptions as (

    select
        kpi_id,
        month_start,
        max(case when parameter = 'conversion_gain_per_hour' then value end) as conversion_gain_per_hour,
        max(case when parameter = 'margin_per_loan' then value end) as margin_per_loan,
        max(case when parameter = 'acquisition_saving_per_hour' then value end) as acquisition_saving_per_hour,
        max(case when parameter = 'exposure_share' then value end) as exposure_share,
        max(case when parameter = 'loss_share' then value end) as loss_share
    from valid_parameters
    group by kpi_id, month_start

),

decisions as (

    select {{ month_start('decided_local_at') }} as month_start, count(*) as decisions
    from applications
    group by {{ month_start('decided_local_at') }}

),

principals as (

    select cast(avg(principal) as {{ type_double() }}) as mean_principal
    from accounts

),

valued as (

    select
        months.kpi_id,
        months.month_start,
        months.value,
        months.previous_value,
        targets.baseline_value,
        months.is_final,
        case months.kpi_id
            when 'cr_att_avg_minutes' then decisions.decisions
            else months.denominator
        end as volume,
        case months.kpi_id when 'cr_att_avg_minutes' then 60.0E0 else 0.001E0 end as step_size,
        case months.kpi_id
            when 'cr_att_avg_minutes'
                then decisions.decisions * (
                    assumptions.conversion_gain_per_hour * assumptions.margin_per_loan
                    + assumptions.acquisition_saving_per_hour
                )
            else
                0.001E0 * months.denominator * principals.mean_principal
                * assumptions.exposure_share * assumptions.loss_share
        end as unit_value
    from months
    cross join principals
    left join decisions on months.month_start = decisions.month_start
    left join targets on months.kpi_id = targets.kpi_id
    left join assumptions on months.kpi_id = assumptions.kpi_id and months.month_start = assumptions.month_start

),

gained as (

    select
        kpi_id,
        month_start,
        value,
        previous_value,
        baseline_value,
        is_final,
        volume,
        unit_value,
        (previous_value - value) / step_size as steps_on_previous,
        (baseline_value - value) / step_size as steps_on_baseline
    from valued

)

select
    month_start,
    kpi_id,
    case kpi_id when 'cr_att_avg_minutes' then 'hour of average turnaround' else '0.1 pp of 30+' end as step,
    value,
    previous_value,
    baseline_value,
    volume,
    unit_value,
    steps_on_previous,
    steps_on_previous * unit_value as value_on_previous,
    steps_on_baseline,
    steps_on_baseline * unit_value as value_on_baseline,
    sum(steps_on_previous * unit_value) over (partition by month_start) as net_value_on_previous,
    is_final
from gained
order by month_start, kpi_id
