-- The moves out of every state of every month's chain sum to 1.
select month_date, from_state, sum(probability) as probability
from {{ ref('int_ecommerce__channel_transitions') }}
group by month_date, from_state
having abs(sum(probability) - 1) > 1e-9
