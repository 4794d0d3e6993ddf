with

sightings as (

    select * from {{ ref('int_ecommerce__sightings') }}
    where linked_type = 'user'

),

limits as (

    select max(threshold) as most_users
    from {{ ref('stg_dictionary__dq_checks') }}
    where rule_id = 'landing_shared_id'

),

shared as (

    select
        id_type,
        id,
        count(distinct linked_id) as users,
        count(*) as sightings
    from sightings
    group by id_type, id

)

select
    shared.id_type,
    shared.id,
    shared.users,
    shared.sightings
from shared
inner join limits on shared.users > limits.most_users
