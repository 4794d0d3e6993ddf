with

days as (

    select spine_date
    from {{ date_series(date_literal('2000-01-01'), date_literal('2049-12-31'), 'spine_date') }} as every_day

)

select cast(spine_date as date) as spine_date
from days
