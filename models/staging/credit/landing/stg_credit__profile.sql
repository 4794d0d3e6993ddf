-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ landing_profile(
    'credit',
    {
        'applications': [ref('base_credit__applications'), ref('stg_credit__applications')],
        'application_events': [ref('base_credit__application_events'), ref('stg_credit__application_events')],
        'api_calls': [ref('base_credit__api_calls'), ref('stg_credit__api_calls')],
        'capacity_forecasts': [ref('base_credit__capacity_forecasts'), ref('stg_credit__capacity_forecasts')],
        'accounts': [ref('base_credit__accounts'), ref('stg_credit__accounts')],
        'instalments': [ref('base_credit__instalments'), ref('stg_credit__instalments')],
        'repayments': [ref('base_credit__repayments'), ref('stg_credit__repayments')],
        'dpd_snapshots': [ref('base_credit__dpd_snapshots'), ref('stg_credit__dpd_snapshots')],
        'scores': [ref('base_credit__scores'), ref('stg_credit__scores')],
        'fraud_flags': [ref('base_credit__fraud_flags'), ref('stg_credit__fraud_flags')],
        'collection_contacts': [ref('base_credit__collection_contacts'), ref('stg_credit__collection_contacts')],
        'promises_to_pay': [ref('base_credit__promises_to_pay'), ref('stg_credit__promises_to_pay')],
        'policy_decisions': [ref('base_credit__policy_decisions'), ref('stg_credit__policy_decisions')],
        'policy_changes': [ref('base_credit__policy_changes'), ref('stg_credit__policy_changes')],
        'node_slas': [ref('base_credit__node_slas'), ref('stg_credit__node_slas')],
        'score_bands': [ref('base_credit__score_bands'), ref('stg_credit__score_bands')]
    }
) }}
