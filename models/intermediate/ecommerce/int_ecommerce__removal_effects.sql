{#
    Absorbing chain, solved exactly by eliminating one channel after the other. visits(i, j) is the expected number of
    arrivals in j after leaving i; eliminating c adds the detours over c: visits(i, c) * visits(c, j) / (1 - visits(c, c)).
    With every channel eliminated, a chain without channel c (what would enter c is lost) converts less often by
    P(c is ever reached) * P(conversion from c), hence the removal effect
        visits(start, c) / (1 + visits(c, c)) * visits(c, conversion) / visits(start, conversion).
#}
with recursive

transitions as (

    select * from {{ ref('int_ecommerce__channel_transitions') }}

),

channels as (

    select
        month_date,
        from_state as state,
        row_number() over (partition by month_date order by from_state) as state_no
    from transitions
    where from_state <> '(start)'
    group by month_date, from_state

),

origins as (

    select month_date, state, state_no
    from channels
    union all
    select distinct month_date, '(start)' as state, 0 as state_no
    from channels

),

destinations as (

    select month_date, state, state_no
    from channels
    union all
    select distinct month_date, '(conversion)' as state, -1 as state_no
    from channels

),

matrix as (          -- every pair of states, 0 where there is no direct move

    select
        origins.month_date,
        origins.state as from_state,
        cast(origins.state_no as int) as from_no,
        cast(destinations.state_no as int) as to_no,
        coalesce(transitions.probability, cast(0 as double)) as visits
    from origins
    inner join destinations on origins.month_date = destinations.month_date
    left join transitions
        on
            origins.month_date = transitions.month_date
            and origins.state = transitions.from_state
            and destinations.state = transitions.to_state

),

eliminated as (

    select
        month_date,
        from_state,
        from_no,
        to_no,
        visits,
        cast(0 as int) as rounds,
        max(from_no) over (partition by month_date) as last_round
    from matrix
    union all
    select
        month_date,
        from_state,
        from_no,
        to_no,
        visits
        + max(case when to_no = rounds + 1 then visits end) over (partition by month_date, from_no)
        * max(case when from_no = rounds + 1 then visits end) over (partition by month_date, to_no)
        / (1 - max(case when from_no = rounds + 1 and to_no = rounds + 1 then visits end) over (partition by month_date))
            as visits,
        rounds + 1 as rounds,
        last_round
    from eliminated
    where rounds < last_round

),

solved as (

    select
        month_date,
        from_state,
        from_no,
        to_no,
        visits
    from eliminated
    where rounds = last_round

),

per_channel as (

    select
        own.month_date,
        substr(own.from_state, 9) as channel,
        own.visits as returns,
        reached.visits as arrivals,
        converts.visits as conversion_from_channel,
        overall.visits as conversion
    from solved as own
    inner join solved as reached
        on own.month_date = reached.month_date and reached.from_no = 0 and own.to_no = reached.to_no
    inner join solved as converts
        on own.month_date = converts.month_date and own.from_no = converts.from_no and converts.to_no = -1
    inner join solved as overall
        on own.month_date = overall.month_date and overall.from_no = 0 and overall.to_no = -1
    where own.from_no = own.to_no

)

select
    month_date,
    channel,
    conversion as conversion_probability,
    {{ safe_divide('arrivals / (1 + returns) * conversion_from_channel', 'conversion') }} as removal_effect
from per_channel
