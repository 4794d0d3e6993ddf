{#
    Absorbing chain, solved exactly by eliminating one channel after the other. visits(i, j) is the expected number of
    arrivals in j after leaving i; eliminating c adds the detours over c: visits(i, c) * visits(c, j) / (1 - visits(c, c)).
    With every channel eliminated, a chain without channel c (what would enter c is lost) converts less often by
    P(c is ever reached) * P(conversion from c), hence the removal effect
        visits(start, c) / (1 + visits(c, c)) * visits(c, conversion) / visits(start, conversion).
#}
{{ with_recursive() }}

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
        coalesce(transitions.probability, cast(0 as double)) as visits,
        cast(max(origins.state_no) over (partition by origins.month_date) as int) as last_round
    from origins
    inner join destinations on origins.month_date = destinations.month_date
    left join transitions
        on
            origins.month_date = transitions.month_date
            and origins.state = transitions.from_state
            and destinations.state = transitions.to_state

),

{{ eliminate_states('matrix', 'solved') }},

read_off as (          -- the four numbers of a channel, beside its own place in the matrix

    select
        month_date,
        from_state,
        from_no,
        to_no,
        visits as returns,
        max(case when from_no = 0 then visits end) over (partition by month_date, to_no) as arrivals,
        max(case when to_no = -1 then visits end) over (partition by month_date, from_no) as conversion_from_channel,
        max(case when from_no = 0 and to_no = -1 then visits end) over (partition by month_date) as conversion
    from solved

)

select
    month_date,
    substr(from_state, 9) as channel,
    conversion as conversion_probability,
    {{ safe_divide('arrivals / (1 + returns) * conversion_from_channel', 'conversion') }} as removal_effect
from read_off
where from_no = to_no
