with

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

order_touches as (

    select * from {{ ref('int_ecommerce__order_touches') }}

),

touches as (

    select * from {{ ref('stg_ecommerce__ad_touches') }}
    where kind in ('click', 'impression')

),

touch_persons as (

    select * from {{ ref('int_ecommerce__touch_persons') }}

),

buyers as (

    select distinct
        {{ month_start('paid_date') }} as month_date,
        person_id
    from orders

),

monthly_touches as (

    select
        {{ month_start(to_local('touches.touched_at', "'" ~ var('business_timezone') ~ "'")) }} as month_date,
        touch_persons.person_id,
        touches.touch_id,
        touches.touched_at,
        touches.channel
    from touches
    inner join touch_persons on touches.touch_id = touch_persons.request_id
    where touch_persons.person_id is not null

),

steps as (

    select
        {{ month_start('paid_date') }} as month_date,
        order_id as path_id,
        true as is_converted,
        touched_at,
        touch_id,
        channel
    from order_touches
    union all
    -- persons who were touched in the month and bought nothing in it
    select
        monthly_touches.month_date,
        monthly_touches.person_id as path_id,
        false as is_converted,
        monthly_touches.touched_at,
        monthly_touches.touch_id,
        monthly_touches.channel
    from monthly_touches
    left join buyers
        on monthly_touches.month_date = buyers.month_date and monthly_touches.person_id = buyers.person_id
    where buyers.person_id is null

),

neighbours as (

    select
        month_date,
        is_converted,
        channel,
        lag(channel) over (partition by month_date, is_converted, path_id order by touched_at, touch_id) as previous_channel,
        lead(channel) over (partition by month_date, is_converted, path_id order by touched_at, touch_id) as next_channel
    from steps

),

moves as (

    select
        month_date,
        '(start)' as from_state,
        concat('channel:', channel) as to_state
    from neighbours
    where previous_channel is null
    union all
    select
        month_date,
        concat('channel:', channel) as from_state,
        case
            when next_channel is not null then concat('channel:', next_channel)
            when is_converted then '(conversion)'
            else '(null)'
        end as to_state
    from neighbours

)

select
    month_date,
    from_state,
    to_state,
    count(*) as transitions,
    cast(count(*) as double) / sum(count(*)) over (partition by month_date, from_state) as probability
from moves
group by month_date, from_state, to_state
