-- The stock built from daily changes equals a count of the applications themselves, at each month's end and at as_of.
with

wip_days as (

    select date_day, sum(applications) as applications
    from {{ ref('int_credit__wip_days') }}
    where channel <> 'unknown'
    group by date_day

),

counted_days as (

    select wip_days.date_day, wip_days.applications
    from wip_days
    cross join {{ ref('int_credit__as_of') }} as horizon
    where wip_days.date_day = {{ month_end('wip_days.date_day') }} or wip_days.date_day = {{ date_of('horizon.as_of') }}

),

counted as (

    select
        counted_days.date_day,
        counted_days.applications,
        count(applications.application_id) as counted_applications
    from counted_days
    left join {{ ref('int_credit__applications') }} as applications
        on not applications.is_duplicate
        and applications.channel <> 'unknown'
        and {{ date_of('applications.submitted_local_at') }} <= counted_days.date_day
        and coalesce({{ date_of(business_local('applications.first_decided_at')) }} > counted_days.date_day, true)
        and coalesce({{ date_of(business_local('applications.first_withdrawn_at')) }} > counted_days.date_day, true)
    group by counted_days.date_day, counted_days.applications

)

select *
from counted
where applications <> counted_applications
