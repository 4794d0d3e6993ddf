-- Two persons on one phone: the merging of users stopped before it was complete.
with

sightings as (

    select * from {{ ref('int_ecommerce__sightings') }}

),

user_persons as (

    select * from {{ ref('int_ecommerce__user_persons') }}

)

select
    sightings.id as phone_hash,
    count(distinct {{ person_of_user('user_persons.person_id', 'sightings.linked_id') }}) as persons
from sightings
left join user_persons on sightings.linked_id = user_persons.user_id
where sightings.linked_type = 'user' and sightings.id_type = 'phone'
group by sightings.id
having count(distinct {{ person_of_user('user_persons.person_id', 'sightings.linked_id') }}) > 1
