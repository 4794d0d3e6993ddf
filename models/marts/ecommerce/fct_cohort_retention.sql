with

first_orders as (

    select * from {{ ref('int_ecommerce__first_orders') }}

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

    select
        max(value) filter (where parameter = 'order_value_low_below') as low_below,
        max(value) filter (where parameter = 'order_value_high_from') as high_from,
        cast(max(value) filter (where parameter = 'curve_days') as int) as curve_days
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_rule_cohort' and version = 1

),

buyers as (

    select
        first_orders.paid_date,
        first_orders.days_to_second,
        first_orders.member_status,
        first_orders.first_category,
        first_orders.platform,
        first_orders.entry,
        first_orders.delivery,
        case
            when first_orders.paid_amount < rules.low_below then 'low'
            when first_orders.paid_amount < rules.high_from then 'mid'
            else 'high'
        end as order_value_band,
        coalesce(last_clicks.channel, 'unattributed') as acquisition_channel
    from first_orders
    cross join rules
    left join last_clicks on first_orders.order_id = last_clicks.order_id

),

by_dimension as (

    {% for dimension in ['member_status', 'first_category', 'platform', 'entry', 'delivery', 'order_value_band', 'acquisition_channel'] -%}
    select paid_date, days_to_second, '{{ dimension }}' as dimension, {{ dimension }} as dimension_value
    from buyers
    union all
    {% endfor -%}
    select paid_date, days_to_second, 'all' as dimension, 'all' as dimension_value
    from buyers

),

by_day as (          -- first buyers of a date and the day of their next order (null: none so far)

    select
        dimension,
        dimension_value,
        paid_date,
        days_to_second,
        count(*) as persons
    from by_dimension
    group by dimension, dimension_value, paid_date, days_to_second

),

grains as (

    select 'cohort_week' as cohort_grain
    union all
    select 'cohort_month' as cohort_grain

),

members as (

    select
        grains.cohort_grain,
        {{ period_start('grains.cohort_grain', 'by_day.paid_date') }} as cohort_start,
        by_day.dimension,
        by_day.dimension_value,
        by_day.days_to_second,
        sum(by_day.persons) as persons,
        max(by_day.paid_date) as last_paid_date
    from by_day
    cross join grains
    group by
        grains.cohort_grain,
        {{ period_start('grains.cohort_grain', 'by_day.paid_date') }},
        by_day.dimension,
        by_day.dimension_value,
        by_day.days_to_second

),

cohorts as (

    select
        cohort_grain,
        cohort_start,
        dimension,
        dimension_value,
        sum(persons) as cohort_persons,
        max(last_paid_date) as last_paid_date
    from members
    group by cohort_grain, cohort_start, dimension, dimension_value

),

days as (

    select series.day_no
    from rules
    cross join lateral {{ int_series(0, 'rules.curve_days', 'day_no') }} as series

),

curves as (

    select
        cohorts.cohort_grain,
        cohorts.cohort_start,
        cohorts.dimension,
        cohorts.dimension_value,
        cohorts.cohort_persons,
        cohorts.last_paid_date,
        days.day_no,
        coalesce(members.persons, 0) as returning_persons
    from cohorts
    cross join days
    left join members
        on
            cohorts.cohort_grain = members.cohort_grain
            and cohorts.cohort_start = members.cohort_start
            and cohorts.dimension = members.dimension
            and cohorts.dimension_value = members.dimension_value
            and days.day_no = members.days_to_second

),

cumulated as (

    select
        cohort_grain,
        cohort_start,
        dimension,
        dimension_value,
        cohort_persons,
        last_paid_date,
        day_no,
        returning_persons,
        sum(returning_persons) over (
            partition by cohort_grain, cohort_start, dimension, dimension_value
            order by day_no
            rows between unbounded preceding and current row
        ) as retained_persons
    from curves

)

select
    {{ as_text('cumulated.cohort_grain') }} as cohort_grain,
    cast(cumulated.cohort_start as date) as cohort_date,
    {{ as_text('cumulated.dimension') }} as dimension,
    {{ as_text('cumulated.dimension_value') }} as dimension_value,
    cast(cumulated.day_no as int) as day_no,
    cast(cumulated.cohort_persons as bigint) as cohort_persons,
    cast(cumulated.returning_persons as bigint) as returning_persons,
    cast(cumulated.retained_persons as bigint) as retained_persons,
    {{ safe_divide('cumulated.retained_persons', 'cumulated.cohort_persons') }} as retention_rate,
    cast(
        {{ period_end('cumulated.cohort_grain', 'cumulated.cohort_start') }} <= horizon.as_of
        and cast({{ add_days('cumulated.last_paid_date', 'cumulated.day_no + 1') }} as {{ type_ts() }}) <= horizon.as_of
        as boolean
    ) as is_final
from cumulated
cross join horizon
where cast({{ add_days('cast(cumulated.cohort_start as date)', 'cumulated.day_no') }} as {{ type_ts() }}) <= horizon.as_of
