/*
Question      Which corrective actions are overdue, or closed without proof that they work?
How to read   One row per action. red: past its due time and not closed; amber: closed late, or closed and its effectiveness not verified;
              green: closed in time and verified; open: not yet due. `days_overdue` counts to as_of, or to the closing where it was late.
              `failures_this_month` is how often its defect category failed inspection in the month of as_of.
What to do    Red goes to the weekly meeting with a name and a date, the category with most failures first. Amber: verify, or open again.
*/
with

capa_actions as (

    select * from {{ ref('stg_manufacturing__capa_actions') }}

),

failed_inspections as (

    select * from {{ ref('int_manufacturing__failed_inspections') }}

),

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

failures as (

    select
        failed_inspections.defect_category,
        count(*) as failures
    from failed_inspections
    inner join horizon
        on {{ start_of('month', 'cast(failed_inspections.production_date as ' ~ type_ts() ~ ')') }} = {{ start_of('month', 'horizon.as_of') }}
    group by failed_inspections.defect_category

),

lit as (

    select
        capa_actions.capa_id,
        capa_actions.defect_category,
        capa_actions.opened_at,
        capa_actions.due_at,
        capa_actions.closed_at,
        capa_actions.effectiveness_verified,
        coalesce(failures.failures, 0) as failures_this_month,
        case
            when capa_actions.closed_at is null and capa_actions.due_at < horizon.as_of_utc then 'red'
            when capa_actions.closed_at is null then 'open'
            when capa_actions.closed_at <= capa_actions.due_at and coalesce(capa_actions.effectiveness_verified, false) then 'green'
            else 'amber'
        end as light,
        {{ seconds_between('capa_actions.due_at', 'coalesce(capa_actions.closed_at, horizon.as_of_utc)') }} / 86400.0 as days_after_due
    from capa_actions
    cross join horizon
    left join failures on capa_actions.defect_category = failures.defect_category

)

select
    capa_id,
    defect_category,
    light,
    case when days_after_due > 0 then days_after_due end as days_overdue,
    failures_this_month,
    opened_at,
    due_at,
    closed_at,
    effectiveness_verified
from lit
order by
    case light when 'red' then 1 when 'amber' then 2 when 'open' then 3 else 4 end,
    failures_this_month desc,
    days_after_due desc,
    capa_id
