with

findings as (

    {{ landed_findings() }}

)

select
    domain,
    table_name,
    name as file_name,
    reason
from findings
