{{ as_of_row('credit', ref('stg_credit__happenings'), ref('stg_dictionary__parameters'), 'cr_rule_landing') }}
