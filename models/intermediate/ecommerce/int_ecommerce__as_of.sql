{{ as_of_row(ref('stg_ecommerce__happenings')) }}
