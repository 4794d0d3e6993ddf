with

ecommerce as (

    select * from {{ ref('stg_ecommerce__reconciliation') }}

),

manufacturing as (

    select * from {{ ref('stg_manufacturing__reconciliation') }}

),

credit as (

    select * from {{ ref('stg_credit__reconciliation') }}

),

every_domain as (

    {% for domain in ['ecommerce', 'manufacturing', 'credit'] -%}
    select domain, table_name, rows_read, rows_accepted, rows_deduplicated, rows_quarantined, rows_blank from {{ domain }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select
    domain,
    table_name,
    cast(rows_read as {{ type_bigint() }}) as rows_read,
    cast(rows_accepted as {{ type_bigint() }}) as rows_accepted,
    cast(rows_deduplicated as {{ type_bigint() }}) as rows_deduplicated,
    cast(rows_quarantined as {{ type_bigint() }}) as rows_quarantined,
    cast(rows_blank as {{ type_bigint() }}) as rows_blank
from every_domain
