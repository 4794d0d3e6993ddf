{#
    Question    How do the booking months age, and which way do accounts move between the buckets at month ends?
    How to read Two parts in one list. `vintage`: booking month by MOB, share of its accounts at 30+ (or charged off). `migration`: month by bucket before
                and after, share of the accounts that stood in the bucket before, and last month's share beside it. Rows not final are as of today.
    What to do  A vintage curve above the ones before it at the same MOB: the newest change of policy or channel mix let worse customers in. A
                share of 1–29 to 30–59 that grows: collections; of 30–59 to 60–89: hand-over to late collections and provisions.
#}
with

vintages as (

    select * from {{ ref('fct_vintage_curve') }}

),

moves as (

    select * from {{ ref('fct_migration_matrix') }}

),

curves as (

    select
        'vintage' as part,
        cohort_month as month_start,
        'MOB' as from_label,
        cast(mob as {{ type_text() }}) as to_label,
        mob as to_order,
        sum(accounts) as base_accounts,
        sum(dpd30_accounts) as accounts,
        {{ all_true('is_final') }} as is_final
    from vintages
    group by cohort_month, mob

),

migration as (

    select
        'migration' as part,
        month_start,
        from_bucket as from_label,
        to_bucket as to_label,
        0 as to_order,
        sum(sum(accounts)) over (partition by month_start, from_bucket) as base_accounts,
        sum(accounts) as accounts,
        {{ all_true('is_final') }} as is_final
    from moves
    group by month_start, from_bucket, to_bucket

),

listed as (

    select part, month_start, from_label, to_label, to_order, base_accounts, accounts, is_final
    from curves
    union all
    select part, month_start, from_label, to_label, to_order, base_accounts, accounts, is_final
    from migration

)

select
    part,
    month_start,
    from_label,
    to_label,
    base_accounts,
    accounts,
    {{ safe_divide('accounts', 'base_accounts') }} as share,
    lag({{ safe_divide('accounts', 'base_accounts') }}) over (
        partition by part, from_label, to_label
        order by month_start
    ) as previous_share,
    is_final
from listed
order by part desc, month_start, from_label, to_order, to_label
