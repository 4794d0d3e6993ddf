with

applications as (

    select * from {{ ref('stg_credit__applications') }}
    where device_fingerprint is not null

),

limits as (

    select max(threshold) as most_customers
    from {{ ref('stg_dictionary__dq_checks') }}
    where rule_id = 'landing_shared_id'

),

shared as (

    select
        device_fingerprint,
        count(distinct customer_id) as customers,
        count(*) as applications
    from applications
    group by device_fingerprint

)

select
    shared.device_fingerprint,
    shared.customers,
    shared.applications
from shared
inner join limits on shared.customers > limits.most_customers
