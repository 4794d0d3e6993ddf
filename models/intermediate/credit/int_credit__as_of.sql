{{ as_of_row(ref('stg_credit__happenings')) }}
