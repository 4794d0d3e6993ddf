with

applications as (

    select * from {{ ref('int_credit__applications') }}

),

events as (

    select * from {{ ref('int_credit__events') }}

),

horizon as (

    select * from {{ ref('int_credit__as_of') }}

),

unknown_applications as (

    -- an application known from its events alone is submitted by its submit event
    select
        events.application_id,
        min(events.event_at) filter (where events.event_name = 'submit') as submitted_at,
        min(events.event_at) filter (where events.event_name in ('final_decision', 'withdraw')) as ended_at
    from events
    left join applications on events.application_id = applications.application_id
    where applications.application_id is null
    group by events.application_id

),

stays as (

    select
        channel,
        submitted_at,
        {{ least_of(['first_decided_at', 'first_withdrawn_at']) }} as ended_at
    from applications
    where not is_duplicate
    union all
    select
        'unknown' as channel,
        submitted_at,
        ended_at
    from unknown_applications
    where submitted_at is not null

),

stay_dates as (

    select
        channel,
        {{ date_of(business_local('submitted_at')) }} as first_date,
        {{ date_of(business_local('ended_at')) }} as end_date
    from stays

),

changes as (

    -- who ends on the day of submission was never there at a day's end
    select channel, first_date as date_day, count(*) as change
    from stay_dates
    group by channel, first_date
    union all
    select channel, {{ greatest_of(['first_date', 'end_date']) }} as date_day, -count(*) as change
    from stay_dates
    where end_date is not null
    group by channel, {{ greatest_of(['first_date', 'end_date']) }}

),

daily_changes as (

    select channel, date_day, sum(change) as change
    from changes
    group by channel, date_day

),

bounds as (

    select
        min(stay_dates.first_date) as first_date,
        {{ date_of('max(horizon.as_of)') }} as last_date
    from stay_dates
    cross join horizon

),

channels as (

    select distinct channel
    from stay_dates

),

channel_days as (

    select
        channels.channel,
        days.date_day
    from bounds
    cross join lateral {{ date_series('bounds.first_date', 'bounds.last_date') }} as days
    cross join channels

)

select
    channel_days.channel,
    channel_days.date_day,
    cast(sum(coalesce(daily_changes.change, 0)) over (
        partition by channel_days.channel
        order by channel_days.date_day
        rows between unbounded preceding and current row
    ) as bigint) as applications
from channel_days
left join daily_changes
    on channel_days.channel = daily_changes.channel
    and channel_days.date_day = daily_changes.date_day
