with

first_orders as (

    select * from {{ ref('int_ecommerce__first_orders') }}

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

touches as (

    select * from {{ ref('stg_ecommerce__ad_touches') }}

),

touch_persons as (

    select * from {{ ref('int_ecommerce__touch_persons') }}

),

last_clicks as (

    select
        order_id,
        channel
    from {{ ref('fct_attribution') }}
    where model = 'last_click' and credit > 0

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

rules as (

    select value as window_days
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_repurchase_rate_90d' and version = 1 and parameter = 'window_days'

),

cost_start as (      -- what advertising cost before the first touch that was landed is not known

    select min(touched_at) as known_from
    from touches
    where cost is not null

),

windows as (         -- business days, as in the repurchase rate: a second order counts up to the end of the last

    select
        first_orders.person_id,
        first_orders.order_id,
        first_orders.paid_at,
        first_orders.second_paid_at,
        first_orders.days_to_second <= rules.window_days as is_second_in_window,
        cast({{ add_days('first_orders.paid_date', 'rules.window_days + 1') }} as {{ type_ts() }}) as window_ends_local_at
    from first_orders
    cross join rules

),

personal_touches as (

    select
        touch_persons.person_id,
        touches.touched_at,
        {{ to_local('touches.touched_at', "'" ~ var('business_timezone') ~ "'") }} as touched_local_at,
        touches.cost
    from touches
    inner join touch_persons on touches.touch_id = touch_persons.request_id
    where touches.cost is not null

),

spending as (

    select
        windows.person_id,
        sum(case when personal_touches.touched_at <= windows.paid_at then personal_touches.cost else 0 end) as acquisition_cost,
        sum(
            case
                when personal_touches.touched_at > windows.paid_at
                    and personal_touches.touched_local_at < windows.window_ends_local_at
                    and (windows.second_paid_at is null or personal_touches.touched_at <= windows.second_paid_at)
                    then personal_touches.cost
                else 0
            end
        ) as retention_cost
    from windows
    inner join personal_touches on windows.person_id = personal_touches.person_id
    group by windows.person_id

),

second_orders as (

    select
        windows.person_id,
        sum(coalesce(orders.discount_amount, 0)) as discount_amount,
        sum(orders.paid_amount) as paid_amount
    from windows
    inner join orders on windows.person_id = orders.person_id and windows.second_paid_at = orders.paid_at
    where windows.is_second_in_window
    group by windows.person_id

)

select
    {{ as_text('first_orders.person_id') }} as person_id,
    {{ as_text('first_orders.order_id') }} as first_order_id,
    {{ month_start('first_orders.paid_date') }} as cohort_month,
    first_orders.paid_local_at as first_paid_local_at,
    first_orders.paid_date as first_paid_date,
    cast(first_orders.paid_amount as decimal(38, 18)) as first_paid_amount,
    {{ as_text('first_orders.member_status') }} as member_status,
    {{ as_text('first_orders.first_category') }} as first_category,
    {{ as_text('first_orders.platform') }} as platform,
    {{ as_text('first_orders.entry') }} as entry,
    {{ as_text('first_orders.delivery') }} as delivery,
    {{ as_text("coalesce(last_clicks.channel, 'unattributed')") }} as acquisition_channel,
    first_orders.second_paid_local_at,
    cast(first_orders.days_to_second as int) as days_to_second,
    coalesce(windows.is_second_in_window, false) as is_second_in_window,
    cast(case when first_orders.paid_at >= cost_start.known_from then coalesce(spending.acquisition_cost, 0) end as double) as acquisition_cost,
    cast(case when first_orders.paid_at >= cost_start.known_from then coalesce(spending.retention_cost, 0) end as double) as retention_cost,
    cast(coalesce(second_orders.discount_amount, 0) as decimal(38, 18)) as second_discount_amount,
    cast(coalesce(second_orders.paid_amount, 0) as decimal(38, 18)) as second_paid_amount,
    windows.window_ends_local_at <= horizon.as_of as is_final
from first_orders
inner join windows on first_orders.person_id = windows.person_id
cross join cost_start
cross join horizon
left join last_clicks on first_orders.order_id = last_clicks.order_id
left join spending on first_orders.person_id = spending.person_id
left join second_orders on first_orders.person_id = second_orders.person_id
