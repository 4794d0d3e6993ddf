-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ landing_profile(
    'ecommerce',
    {
        'events': [ref('base_ecommerce__events'), ref('stg_ecommerce__events')],
        'orders': [ref('base_ecommerce__orders'), ref('stg_ecommerce__orders')],
        'order_items': [ref('base_ecommerce__order_items'), ref('stg_ecommerce__order_items')],
        'refunds': [ref('base_ecommerce__refunds'), ref('stg_ecommerce__refunds')],
        'payment_attempts': [ref('base_ecommerce__payment_attempts'), ref('stg_ecommerce__payment_attempts')],
        'identity_links': [ref('base_ecommerce__identity_links'), ref('stg_ecommerce__identity_links')],
        'members': [ref('base_ecommerce__members'), ref('stg_ecommerce__members')],
        'products': [ref('base_ecommerce__products'), ref('stg_ecommerce__products')],
        'inventory_snapshots': [ref('base_ecommerce__inventory_snapshots'), ref('stg_ecommerce__inventory_snapshots')],
        'price_comparisons': [ref('base_ecommerce__price_comparisons'), ref('stg_ecommerce__price_comparisons')],
        'campaigns': [ref('base_ecommerce__campaigns'), ref('stg_ecommerce__campaigns')],
        'campaign_audience': [ref('base_ecommerce__campaign_audience'), ref('stg_ecommerce__campaign_audience')],
        'messages': [ref('base_ecommerce__messages'), ref('stg_ecommerce__messages')],
        'ad_touches': [ref('base_ecommerce__ad_touches'), ref('stg_ecommerce__ad_touches')],
        'deliveries': [ref('base_ecommerce__deliveries'), ref('stg_ecommerce__deliveries')],
        'service_tickets': [ref('base_ecommerce__service_tickets'), ref('stg_ecommerce__service_tickets')],
        'experiment_assignments': [ref('base_ecommerce__experiment_assignments'), ref('stg_ecommerce__experiment_assignments')],
        'server_event_counts': [ref('base_ecommerce__server_event_counts'), ref('stg_ecommerce__server_event_counts')],
        'dashboard_refreshes': [ref('base_ecommerce__dashboard_refreshes'), ref('stg_ecommerce__dashboard_refreshes')],
        'key_categories': [ref('base_ecommerce__key_categories'), ref('stg_ecommerce__key_categories')],
        'bot_user_agents': [ref('base_ecommerce__bot_user_agents'), ref('stg_ecommerce__bot_user_agents')],
        'margin_budgets': [ref('base_ecommerce__margin_budgets'), ref('stg_ecommerce__margin_budgets')]
    }
) }}
