with

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

)

select
    'machine' as dimension,
    {{ as_text('machine_id') }} as dimension_value,
    'line' as parent_dimension,
    {{ as_text("coalesce(line_id, 'unknown')") }} as parent_value
from machines
