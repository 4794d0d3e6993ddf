-- Question: which ways through the site lead to orders, and which end?
-- Reads: sessions of the newest closed period by the first four different pages of their way (page_type of the accepted events, repeats
--   folded). CVR here is valid orders of these sessions by the distinct persons who had one: persons of several paths count in each, so
--   `visitor_share` may add up to more than 1, `session_share` adds up to 1.
-- To do: much traffic on a path with a CVR far below its neighbours: mend the page at which it ends (`last_page`), or lead visitors to the
--   better path. A path that begins on a landing page and ends there: match landing page and advertisement.
-- Other periods: --vars '{analysis_grain: week}'.
with

sessions as (

    select * from {{ ref('fct_sessions') }}

),

events as (

    select * from {{ ref('int_ecommerce__events') }}

),

pages as (

    select
        event_id,
        coalesce(page_type, 'unknown') as page_type
    from {{ ref('stg_ecommerce__events') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

dated as (

    select
        session_id,
        person_id,
        valid_orders,
        gmv,
        {{ start_of(var('analysis_grain', 'month'), 'started_local_at') }} as period_start
    from sessions

),

newest as (

    select max(dated.period_start) as period_start
    from dated
    cross join horizon
    where {{ end_of(var('analysis_grain', 'month'), 'dated.period_start') }} <= horizon.as_of

),

chosen as (

    select dated.*
    from dated
    inner join newest on dated.period_start = newest.period_start

),

visits as (

    select
        events.session_id,
        events.event_at,
        events.event_id,
        pages.page_type,
        lag(pages.page_type) over (partition by events.session_id order by events.event_at, events.event_id) as previous_page
    from events
    inner join chosen on events.session_id = chosen.session_id
    inner join pages on events.event_id = pages.event_id

),

steps as (

    select
        session_id,
        page_type,
        row_number() over (partition by session_id order by event_at, event_id) as step_no
    from visits
    where previous_page is null or previous_page <> page_type

),

paths as (

    select
        session_id,
        {{ string_agg('page_type', ' > ', 'step_no') }} as path,
        {{ arg_max('page_type', 'step_no') }} as last_page
    from steps
    where step_no <= 4
    group by session_id

),

counted as (

    select
        chosen.period_start,
        paths.path,
        paths.last_page,
        count(*) as sessions,
        count(distinct chosen.person_id) as visitors,
        sum(chosen.valid_orders) as valid_orders,
        sum(chosen.gmv) as gmv
    from chosen
    inner join paths on chosen.session_id = paths.session_id
    group by chosen.period_start, paths.path, paths.last_page

),

everyone as (

    select count(distinct person_id) as visitors
    from chosen

)

select
    counted.period_start,
    counted.path,
    counted.last_page,
    counted.sessions,
    {{ safe_divide('counted.sessions', 'sum(counted.sessions) over ()') }} as session_share,
    counted.visitors,
    {{ safe_divide('counted.visitors', 'everyone.visitors') }} as visitor_share,
    counted.valid_orders,
    counted.gmv,
    {{ safe_divide('counted.valid_orders', 'counted.visitors') }} as cvr
from counted
cross join everyone
order by counted.sessions desc, counted.path
