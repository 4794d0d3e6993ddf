with

ecommerce as (

    select * from {{ ref('metric_parameters_ecommerce') }}

),

manufacturing as (

    select * from {{ ref('metric_parameters_manufacturing') }}

),

credit as (

    select * from {{ ref('metric_parameters_credit') }}

),

every_domain as (

    select metric_id, version, parameter, value, unit, description_en from ecommerce
    union all
    select metric_id, version, parameter, value, unit, description_en from manufacturing
    union all
    select metric_id, version, parameter, value, unit, description_en from credit

)

select
    metric_id,
    cast(version as int) as version,
    parameter,
    cast(value as {{ type_double() }}) as value,
    unit,
    description_en
from every_domain
