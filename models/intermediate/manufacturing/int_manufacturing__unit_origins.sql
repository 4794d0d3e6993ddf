-- Tables that name a unit but no work order take line and product from the unit's first pass.
with

passes as (

    select * from {{ ref('int_manufacturing__passes') }}

)

select
    unit_id,
    line_id,
    product_id,
    product_family
from passes
where is_first_of_unit
