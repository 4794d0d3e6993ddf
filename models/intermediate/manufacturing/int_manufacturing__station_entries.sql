with

passes as (

    select * from {{ ref('int_manufacturing__passes') }}

),

station_faults as (

    select * from {{ ref('int_manufacturing__station_faults') }}

),

entries as (

    select
        passes.unit_id,
        passes.line_id,
        passes.station_id,
        passes.product_family,
        passes.entered_at,
        passes.completed_at is not null and station_faults.unit_id is null as is_first_pass
    from passes
    left join station_faults
        on passes.unit_id = station_faults.unit_id and passes.station_id = station_faults.station_id
    where passes.is_first_at_station

)

select
    entries.unit_id,
    entries.line_id,
    entries.station_id,
    entries.product_family,
    entries.entered_at,
    entries.is_first_pass,
    {{ place_columns('entries.entered_at') }}
from entries
{{ place_joins('entries.line_id', 'entries.entered_at') }}
