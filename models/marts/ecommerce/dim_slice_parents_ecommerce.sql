with

products as (

    select * from {{ ref('stg_ecommerce__products') }}

)

select
    'sku' as dimension,
    {{ as_text('sku_id') }} as dimension_value,
    'category' as parent_dimension,
    {{ as_text("coalesce(category_id, 'unknown')") }} as parent_value
from products
