{%- set dimensions = ['member_status', 'first_category', 'acquisition_channel'] -%}
with

buyers as (

    select * from {{ ref('dim_buyers') }}

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}
    where is_valid

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

monthly as (

    select
        buyers.cohort_month,
        {%- for dimension in dimensions %}
        buyers.{{ dimension }},
        {%- endfor %}
        {{ months_between_dates('buyers.cohort_month', 'orders.paid_date') }} as month_no,
        count(*) as orders,
        count(orders.cost_amount) as orders_with_cost,
        sum(orders.paid_amount) as gmv,
        sum(orders.paid_amount - orders.refunded_amount) as net_revenue,
        sum(orders.paid_amount - orders.refunded_amount - orders.cost_amount) as margin
    from buyers
    inner join orders on buyers.person_id = orders.person_id
    group by
        buyers.cohort_month,
        {%- for dimension in dimensions %}
        buyers.{{ dimension }},
        {%- endfor %}
        {{ months_between_dates('buyers.cohort_month', 'orders.paid_date') }}

),

sliced as (

    {% for dimension in ['all'] + dimensions -%}
    select cohort_month, '{{ dimension }}' as dimension, {{ "'all'" if dimension == 'all' else dimension }} as dimension_value, month_no, orders, orders_with_cost, gmv, net_revenue, margin
    from monthly
    {{ "union all" if not loop.last }}
    {% endfor %}

),

summed as (

    select
        cohort_month,
        dimension,
        dimension_value,
        month_no,
        sum(orders) as orders,
        sum(orders_with_cost) as orders_with_cost,
        sum(gmv) as gmv,
        sum(net_revenue) as net_revenue,
        sum(margin) as margin
    from sliced
    group by cohort_month, dimension, dimension_value, month_no

),

sliced_buyers as (

    {% for dimension in ['all'] + dimensions -%}
    select cohort_month, '{{ dimension }}' as dimension, {{ "'all'" if dimension == 'all' else dimension }} as dimension_value, acquisition_cost
    from buyers
    {{ "union all" if not loop.last }}
    {% endfor %}

),

cohorts as (

    select
        cohort_month,
        dimension,
        dimension_value,
        count(*) as cohort_persons,
        case when count(acquisition_cost) = count(*) then sum(acquisition_cost) end as acquisition_cost
    from sliced_buyers
    group by cohort_month, dimension, dimension_value

),

ages as (            -- every month of a cohort's life so far, also those without orders

    select
        cohorts.cohort_month,
        cohorts.dimension,
        cohorts.dimension_value,
        cohorts.cohort_persons,
        cohorts.acquisition_cost,
        cast(series.month_no as int) as month_no,
        horizon.as_of
    from cohorts
    cross join horizon
    cross join lateral {{ int_series(0, months_between_dates('cohorts.cohort_month', 'horizon.as_of'), 'month_no') }} as series

),

cumulated as (

    select
        ages.cohort_month,
        ages.dimension,
        ages.dimension_value,
        ages.month_no,
        ages.cohort_persons,
        ages.acquisition_cost,
        ages.as_of,
        coalesce(summed.orders, 0) as orders,
        coalesce(summed.gmv, 0) as gmv,
        sum(coalesce(summed.orders, 0)) over life as orders_to_date,
        sum(coalesce(summed.orders_with_cost, 0)) over life as orders_with_cost_to_date,
        sum(coalesce(summed.gmv, 0)) over life as gmv_to_date,
        sum(coalesce(summed.net_revenue, 0)) over life as net_revenue_to_date,
        sum(summed.margin) over life as margin_to_date
    from ages
    left join summed
        on ages.cohort_month = summed.cohort_month
        and ages.dimension = summed.dimension
        and ages.dimension_value = summed.dimension_value
        and ages.month_no = summed.month_no
    window life as (
        partition by ages.cohort_month, ages.dimension, ages.dimension_value
        order by ages.month_no
        rows between unbounded preceding and current row
    )

)

select
    cohort_month,
    {{ as_text('dimension') }} as dimension,
    {{ as_text('dimension_value') }} as dimension_value,
    month_no,
    cast(cohort_persons as bigint) as cohort_persons,
    cast(orders as bigint) as orders,
    cast(gmv as decimal(38, 18)) as gmv,
    cast(orders_to_date as bigint) as orders_to_date,
    cast(orders_with_cost_to_date as bigint) as orders_with_cost_to_date,
    cast(gmv_to_date as decimal(38, 18)) as gmv_to_date,
    cast(net_revenue_to_date as decimal(38, 18)) as net_revenue_to_date,
    cast(margin_to_date as decimal(38, 18)) as margin_to_date,
    cast(acquisition_cost as double) as acquisition_cost,
    {{ safe_divide('net_revenue_to_date', 'cohort_persons') }} as lifetime_value,
    {{ safe_divide('margin_to_date', 'cohort_persons') }} as lifetime_margin,
    {{ safe_divide('acquisition_cost', 'cohort_persons') }} as acquisition_cost_per_person,
    cast(margin_to_date as double) >= acquisition_cost as has_paid_back,
    cast({{ add_months('cohort_month', 'month_no + 1') }} as {{ type_ts() }}) <= as_of as is_final,
    cast(as_of as {{ type_ts() }}) as as_of
from cumulated
