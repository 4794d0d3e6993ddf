with

ecommerce as (

    select * from {{ ref('stg_ecommerce__quarantine') }}

),

manufacturing as (

    select * from {{ ref('stg_manufacturing__quarantine') }}

),

credit as (

    select * from {{ ref('stg_credit__quarantine') }}

),

every_domain as (

    {% for domain in ['ecommerce', 'manufacturing', 'credit'] -%}
    select domain, table_name, row_key, reason, column_name, raw_row from {{ domain }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select domain, table_name, row_key, reason, column_name, raw_row
from every_domain
