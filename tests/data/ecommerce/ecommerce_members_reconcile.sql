-- All net additions of a grain are the members at the horizon; a period's opening is the sum of those before it.
with

members as (

    select count(*) as members
    from {{ ref('int_ecommerce__member_spells') }} as spells
    cross join {{ ref('int_ecommerce__as_of') }} as horizon
    where spells.joined_at <= horizon.as_of_utc and (spells.left_at is null or spells.left_at > horizon.as_of_utc)

),

net_adds as (

    select period_grain, sum(value) as net_adds
    from {{ ref('kpi_ec_membership') }}
    where kpi_id = 'ec_member_net_adds'
    group by period_grain

)

select net_adds.period_grain, net_adds.net_adds, members.members
from net_adds
cross join members
where net_adds.net_adds <> members.members
