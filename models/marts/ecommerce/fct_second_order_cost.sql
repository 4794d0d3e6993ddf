{%- set dimensions = ['member_status', 'first_category', 'acquisition_channel'] -%}
with

buyers as (

    select * from {{ ref('dim_buyers') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

sliced as (

    {% for dimension in ['all'] + dimensions -%}
    select cohort_month, '{{ dimension }}' as dimension, {{ "'all'" if dimension == 'all' else dimension }} as dimension_value, is_second_in_window, acquisition_cost, retention_cost, second_discount_amount, second_paid_amount, is_final
    from buyers
    {{ "union all" if not loop.last }}
    {% endfor %}

),

summed as (

    select
        cohort_month,
        dimension,
        dimension_value,
        count(*) as cohort_persons,
        {{ count_where('is_second_in_window') }} as second_orders,
        case when count(acquisition_cost) = count(*) then sum(acquisition_cost) end as acquisition_cost,
        case when count(retention_cost) = count(*) then sum(retention_cost) end as retention_cost,
        sum(second_discount_amount) as discount_amount,
        sum(second_paid_amount) as second_gmv,
        {{ all_true('is_final') }} as are_windows_over
    from sliced
    group by cohort_month, dimension, dimension_value

)

select
    summed.cohort_month,
    {{ as_text('summed.dimension') }} as dimension,
    {{ as_text('summed.dimension_value') }} as dimension_value,
    cast(summed.cohort_persons as bigint) as cohort_persons,
    cast(summed.second_orders as bigint) as second_orders,
    {{ safe_divide('summed.second_orders', 'summed.cohort_persons') }} as repurchase_rate,
    cast(summed.acquisition_cost as double) as acquisition_cost,
    cast(summed.retention_cost as double) as retention_cost,
    cast(summed.discount_amount as decimal(38, 18)) as discount_amount,
    cast(summed.second_gmv as decimal(38, 18)) as second_gmv,
    {{ safe_divide('summed.acquisition_cost', 'summed.cohort_persons') }} as cost_of_first_order,
    {{ safe_divide('summed.retention_cost + cast(summed.discount_amount as double)', 'summed.second_orders') }} as cost_of_second_order,
    {{ safe_divide('summed.retention_cost + cast(summed.discount_amount as double)', 'summed.second_gmv') }} as cost_ratio,
    summed.are_windows_over
    and cast({{ add_months('summed.cohort_month', 1) }} as {{ type_ts() }}) <= horizon.as_of as is_final,
    cast(horizon.as_of as {{ type_ts() }}) as as_of
from summed
cross join horizon
