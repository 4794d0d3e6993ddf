with

capability as (

    select * from {{ ref('int_manufacturing__capability') }}
    where period_grain = 'whole'

)

select
    {{ as_text('characteristic') }} as characteristic,
    {{ as_text('machine_id') }} as machine_id,
    cast(measured_pieces as {{ type_bigint() }}) as measured_pieces,
    cast(mean_value as {{ type_double() }}) as mean_value,
    cast(sigma_within as {{ type_double() }}) as sigma_within,
    cast(sigma_overall as {{ type_double() }}) as sigma_overall,
    cast(lower_limit as {{ type_double() }}) as lower_limit,
    cast(target as {{ type_double() }}) as target,
    cast(upper_limit as {{ type_double() }}) as upper_limit,
    cp,
    cpk,
    pp,
    ppk
from capability
