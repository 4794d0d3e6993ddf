{{ config(materialized='view') }}

with

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_rule_realtime' and parameter = 'window_hours'

)

select
    horizon.as_of,
    {{ add_seconds('horizon.as_of', '-3600 * parameters.value') }} as realtime_from
from horizon
cross join parameters
