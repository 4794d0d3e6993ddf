{{ config(materialized='view') }}

-- The names of the contract; any other name is kept in staging and counts nowhere.
{% for name in [
    'page_view', 'view_item_list', 'view_item', 'select_item', 'add_to_cart', 'remove_from_cart',
    'begin_checkout', 'add_payment_info', 'purchase', 'search', 'page_error',
] -%}
select
    cast('{{ name }}' as {{ type_text() }}) as event_name,
    {{ name in ['view_item', 'add_to_cart', 'begin_checkout', 'purchase'] }} as is_core
{{ "union all" if not loop.last }}
{% endfor %}
