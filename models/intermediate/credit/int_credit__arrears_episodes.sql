with

spells as (

    select * from {{ ref('int_credit__dpd_spells') }}

),

horizon as (

    select {{ date_of('as_of') }} as as_of_date
    from {{ ref('int_credit__as_of') }}

),

parameters as (

    select
        cast(max(value) filter (where parameter = 'dpd_min') as int) as dpd_min,
        cast(max(value) filter (where parameter = 'dpd_max') as int) as dpd_max,
        cast(max(value) filter (where parameter = 'window_days') as int) as window_days
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_cure_rate_1_29'

),

low_stretches as (    -- the days of a spell within the bounds of an episode

    select
        spells.account_id,
        spells.valid_from_date,
        case
            when spells.snapshot_dpd is not null then spells.valid_from_date
            else greatest(
                spells.valid_from_date,
                spells.arrears_from_date,
                {{ add_days('spells.due_date', 'parameters.dpd_min') }}
            )
        end as low_from_date
    from spells
    cross join parameters
    where
        spells.state = 'open'
        and (
            spells.snapshot_dpd between parameters.dpd_min and parameters.dpd_max
            or (
                greatest(
                    spells.valid_from_date,
                    spells.arrears_from_date,
                    {{ add_days('spells.due_date', 'parameters.dpd_min') }}
                )
                < least(spells.valid_to_date, {{ add_days('spells.due_date', 'parameters.dpd_max + 1') }})
                and spells.due_date is not null
            )
        )

),

accounts_concerned as (

    select distinct account_id
    from low_stretches

),

spells_concerned as (

    select
        spells.account_id,
        spells.channel,
        spells.valid_from_date,
        spells.state,
        {{ credit_dpd('spells', 'spells.valid_from_date') }} as first_dpd,
        {{ credit_dpd('spells', add_days('spells.valid_to_date', -1)) }} as last_dpd
    from spells
    inner join accounts_concerned on spells.account_id = accounts_concerned.account_id

),

neighbours as (

    select
        account_id,
        channel,
        valid_from_date,
        lag(state) over (partition by account_id order by valid_from_date) as previous_state,
        lag(last_dpd) over (partition by account_id order by valid_from_date) as previous_dpd,
        state,
        first_dpd
    from spells_concerned

),

recoveries as (       -- closed or charged off in arrears is no recovery, closed on the day of payment is one

    select
        account_id,
        channel,
        valid_from_date,
        previous_state,
        previous_dpd,
        min(
            case
                when state = 'repaid' then valid_from_date
                when state = 'open' and first_dpd <= 0 then valid_from_date
                when previous_state in ('open', 'repaid') and first_dpd <= 0 then valid_from_date
            end
        ) over (
            partition by account_id
            order by valid_from_date
            rows between 1 following and unbounded following
        ) as next_recovered_date
    from neighbours

),

episodes as (

    select
        recoveries.account_id,
        recoveries.channel,
        low_stretches.low_from_date as began_date,
        recoveries.next_recovered_date
    from low_stretches
    inner join recoveries
        on
            low_stretches.account_id = recoveries.account_id
            and low_stretches.valid_from_date = recoveries.valid_from_date
    where
        low_stretches.low_from_date > recoveries.valid_from_date
        or recoveries.previous_state is null
        or recoveries.previous_state = 'repaid'
        or recoveries.previous_dpd <= 0

)

select
    episodes.account_id,
    episodes.channel,
    episodes.began_date,
    episodes.next_recovered_date as recovered_date,
    coalesce(
        episodes.next_recovered_date <= {{ add_days('episodes.began_date', 'parameters.window_days') }}, false
    ) as is_cured,
    {{ add_days('episodes.began_date', 'parameters.window_days') }} < horizon.as_of_date as is_over
from episodes
cross join parameters
cross join horizon
