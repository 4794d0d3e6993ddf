{{ as_of_row('manufacturing', ref('stg_manufacturing__happenings'), ref('stg_dictionary__parameters'), 'mf_rule_landing') }}
