-- Question: is low repurchase a matter of non-members, and what would enrolling more of them be worth?
-- Reads: buyers by cohort month whose window of the 90-day repurchase rate is over, in three groups: members at the first payment, those who
--   joined inside the enrolment window before they bought again, and those who did neither. Shares of the groups add up to 1.
--   `second_orders_at_joiners_rate`: what the third group would bring if as many of it came back as of the second, an upper bound, as
--   those who join want to come back more than others.
-- To do: the third group is large and far below the others: enrolment with the first purchase, benefits for it, more occasions of
--   contact (ec_member_enrolment_rate, alert ec_al_repurchase_non_member). Joiners no better than the rest: the benefits do not work.
with

every_buyer as (

    select * from {{ ref('dim_buyers') }}

),

closed_cohorts as (

    select cohort_month
    from every_buyer
    group by cohort_month
    having {{ all_true('is_final') }}

),

buyers as (

    select every_buyer.*
    from every_buyer
    inner join closed_cohorts on every_buyer.cohort_month = closed_cohorts.cohort_month
    where every_buyer.member_status in ('member', 'non_member')

),

persons as (

    select
        person_id,
        first_joined_local_at
    from {{ ref('dim_persons') }}

),

rules as (

    select value as window_days
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_member_enrolment_rate' and version = 1 and parameter = 'window_days'

),

grouped as (

    select
        buyers.cohort_month,
        buyers.is_second_in_window,
        buyers.first_paid_amount,
        buyers.second_paid_amount,
        case
            when buyers.member_status = 'member' then '1 member'
            when
                persons.first_joined_local_at > buyers.first_paid_local_at
                and persons.first_joined_local_at <= {{ add_days('buyers.first_paid_local_at', 'rules.window_days', 'ts') }}
                and (buyers.second_paid_local_at is null or persons.first_joined_local_at < buyers.second_paid_local_at)
                then '2 joined after the first order'
            else '3 not a member'
        end as buyer_group
    from buyers
    cross join rules
    left join persons on buyers.person_id = persons.person_id

),

counted as (

    select
        cohort_month,
        buyer_group,
        count(*) as buyers,
        {{ count_where('is_second_in_window') }} as second_orders,
        {{ safe_divide(count_where('is_second_in_window'), 'count(*)') }} as repurchase_rate,
        avg(cast(first_paid_amount as double)) as first_order_value,
        {{ safe_divide('sum(second_paid_amount)', count_where('is_second_in_window')) }} as second_order_value
    from grouped
    group by cohort_month, buyer_group

),

compared as (

    select
        counted.*,
        {{ safe_divide('buyers', 'sum(buyers) over (partition by cohort_month)') }} as buyer_share,
        max(case when buyer_group like '2%' then repurchase_rate end) over (partition by cohort_month) as joiners_rate
    from counted

)

select
    cohort_month,
    buyer_group,
    buyers,
    buyer_share,
    second_orders,
    repurchase_rate,
    first_order_value,
    second_order_value,
    case when buyer_group like '3%' then buyers * (joiners_rate - repurchase_rate) end as second_orders_at_joiners_rate
from compared
order by cohort_month desc, buyer_group
