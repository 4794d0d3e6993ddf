-- A warning for each sku and day whose published availability is below the alert's threshold, and no other.
with

published as (

    select
        dimension_value as sku_id,
        cast(period_start as date) as stock_date,
        value as availability
    from {{ ref('kpi_ec_stock') }}
    where kpi_id = 'ec_key_sku_availability' and dimension = 'sku' and period_grain = 'day'

),

threshold as (

    select threshold_value
    from {{ ref('stg_dictionary__alert_rules') }}
    where rule_id = 'ec_al_availability'

),

below as (

    select
        published.sku_id,
        published.stock_date,
        published.availability
    from published
    cross join threshold
    where published.availability < threshold.threshold_value

)

select
    below.sku_id as published_sku_id,
    below.stock_date as published_date,
    below.availability as published_availability,
    warnings.sku_id,
    warnings.stock_date,
    warnings.availability
from below
full outer join {{ ref('fct_stock_warnings') }} as warnings
    on below.sku_id = warnings.sku_id and below.stock_date = warnings.stock_date
where
    below.sku_id is null
    or warnings.sku_id is null
    or abs(below.availability - warnings.availability) > 1e-9
