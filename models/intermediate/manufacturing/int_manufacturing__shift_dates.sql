-- Joins of moments to shifts run on equal dates, not on ranges alone: one row per shift and UTC date that it touches.
with

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}

)

select
    shifts.line_id,
    dates.utc_date,
    shifts.production_date,
    shifts.shift_name,
    shifts.starts_local_at,
    shifts.starts_at,
    shifts.ends_at
from shifts
cross join lateral {{ date_series(date_of('shifts.starts_at'), date_of('shifts.ends_at'), 'utc_date') }} as dates
