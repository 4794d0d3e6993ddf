with

products as (

    select * from {{ ref('stg_ecommerce__products') }}

),

campaigns as (

    select * from {{ ref('stg_ecommerce__campaigns') }}

)

select
    'sku' as dimension,
    sku_id as dimension_value,
    'category' as wider_dimension,
    category_id as wider_value
from products
where category_id is not null
union all
select
    'campaign' as dimension,
    campaign_id as dimension_value,
    'kind' as wider_dimension,
    kind as wider_value
from campaigns
where kind is not null
