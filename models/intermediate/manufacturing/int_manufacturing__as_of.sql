{{ as_of_row(ref('stg_manufacturing__happenings')) }}
