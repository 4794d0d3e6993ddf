with

members as (

    select * from {{ ref('stg_ecommerce__members') }}

),

user_persons as (

    select * from {{ ref('int_ecommerce__user_persons') }}

),

spells as (

    select
        {{ person_of_user('user_persons.person_id', 'members.user_id') }} as person_id,
        members.joined_at,
        members.left_at
    from members
    left join user_persons on members.user_id = user_persons.user_id

),

reached as (

    -- how far the spells that began before this one reach; one without an end reaches for ever
    select
        person_id,
        joined_at,
        left_at,
        max(coalesce(left_at, {{ ts_literal('9999-12-31 00:00:00') }})) over (
            partition by person_id
            order by joined_at, coalesce(left_at, {{ ts_literal('9999-12-31 00:00:00') }})
            rows between unbounded preceding and 1 preceding
        ) as reached_at
    from spells

),

numbered as (

    select
        person_id,
        joined_at,
        left_at,
        sum(case when reached_at >= joined_at then 0 else 1 end) over (
            partition by person_id
            order by joined_at, coalesce(left_at, {{ ts_literal('9999-12-31 00:00:00') }})
            rows between unbounded preceding and current row
        ) as spell_no
    from reached

)

select
    person_id,
    cast(spell_no as int) as spell_no,
    min(joined_at) as joined_at,
    case when count(*) = count(left_at) then max(left_at) end as left_at
from numbered
group by person_id, spell_no
