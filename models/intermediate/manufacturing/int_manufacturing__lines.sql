with

shift_calendar as (

    select * from {{ ref('stg_manufacturing__shift_calendar') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

work_orders as (

    select * from {{ ref('stg_manufacturing__work_orders') }}

),

first_articles as (

    select * from {{ ref('stg_manufacturing__first_article_inspections') }}

),

named as (

    select 'unknown' as line_id
    union
    select line_id from shift_calendar
    union
    select line_id from machines
    union
    select line_id from work_orders
    union
    select line_id from first_articles

),

zones as (

    select
        line_id,
        {{ arg_max('time_zone', ['starts_at', 'shift_name']) }} as time_zone
    from shift_calendar
    group by line_id

)

select
    named.line_id,
    coalesce(zones.time_zone, '{{ var("business_timezone") }}') as time_zone
from named
left join zones on named.line_id = zones.line_id
