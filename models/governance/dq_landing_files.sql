with

findings as (

    select * from ({{ landed_findings() }}) as found

)

select
    domain,
    table_name,
    name as file_name,
    reason
from findings
