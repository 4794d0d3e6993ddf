{{ as_of_row('ecommerce', ref('stg_ecommerce__happenings'), ref('stg_dictionary__parameters'), 'ec_rule_landing') }}
