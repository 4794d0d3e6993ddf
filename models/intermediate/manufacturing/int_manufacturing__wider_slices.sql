with

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

wider as (

    select
        machine_id,
        'line' as wider_dimension,
        line_id as wider_value
    from machines
    union all
    select
        machine_id,
        'station' as wider_dimension,
        station_id as wider_value
    from machines
    union all
    select
        machine_id,
        'line+station' as wider_dimension,
        line_id || '+' || station_id as wider_value
    from machines

)

select
    'machine' as dimension,
    machine_id as dimension_value,
    wider_dimension,
    wider_value
from wider
where wider_value is not null
