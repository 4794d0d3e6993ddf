with

month_ends as (

    select * from {{ ref('int_credit__month_ends') }}

),

accounts as (

    select * from {{ ref('int_credit__accounts') }}

),

horizon as (

    select as_of
    from {{ ref('int_credit__as_of') }}

),

bounds as (

    {{ credit_bucket_bounds() | indent(4) }}

),

standings as (

    select
        month_ends.account_id,
        month_ends.month_start,
        month_ends.state_date,
        month_ends.is_disputed,
        case
            when month_ends.state = 'charged_off' then 'charged_off'
            when month_ends.state in ('closed', 'repaid') then 'closed'
            else {{ credit_bucket('month_ends.dpd', 'bounds') }}
        end as bucket
    from month_ends
    cross join bounds

),

moves as (

    select
        after.month_start,
        after.state_date,
        before.bucket as from_bucket,
        after.bucket as to_bucket,
        accounts.channel,
        accounts.customer_type,
        count(*) as accounts,
        count(*) filter (where not before.is_disputed and not after.is_disputed) as undisputed_accounts
    from standings as before
    inner join standings as after
        on
            before.account_id = after.account_id
            and after.month_start = {{ add_months('before.month_start', 1) }}
    inner join accounts on before.account_id = accounts.account_id
    group by
        after.month_start, after.state_date, before.bucket, after.bucket, accounts.channel, accounts.customer_type

)

select
    moves.month_start,
    moves.state_date,
    cast(moves.from_bucket as {{ type_text() }}) as from_bucket,
    cast(moves.to_bucket as {{ type_text() }}) as to_bucket,
    moves.channel,
    moves.customer_type,
    moves.accounts,
    moves.undisputed_accounts,
    {{ safe_divide(
        'moves.accounts',
        'sum(moves.accounts) over ('
        ~ 'partition by moves.month_start, moves.from_bucket, moves.channel, moves.customer_type)'
    ) }} as share_of_from_bucket,
    cast({{ add_days('moves.state_date', 1) }} as {{ type_ts() }}) <= horizon.as_of as is_final
from moves
cross join horizon
