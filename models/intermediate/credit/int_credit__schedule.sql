with

instalments as (

    select * from {{ ref('stg_credit__instalments') }}

)

select
    account_id,
    instalment_no,
    due_date,
    due_amount,
    row_number() over (partition by account_id order by due_date, instalment_no) as place,
    sum(due_amount) over (
        partition by account_id
        order by due_date, instalment_no
        rows between unbounded preceding and current row
    ) as due_so_far
from instalments
