{%- set guardrails = [
    ('refunded_orders', 'paid_orders', 'refund'),
    ('page_errors', 'page_views', 'page_crash'),
    ('bad_ratings', 'rated_tickets', 'bad_rating'),
] -%}
with

persons as (

    select * from {{ ref('int_ecommerce__experiment_persons') }}

),

events as (

    select * from {{ ref('int_ecommerce__events') }}

),

orders as (

    select * from {{ ref('int_ecommerce__orders') }}

),

tickets as (

    select * from {{ ref('int_ecommerce__tickets') }}

),

user_persons as (

    select * from {{ ref('int_ecommerce__user_persons') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

rules as (

    select
        max(value) filter (where parameter = 'confidence_z') as confidence_z,
        max(value) filter (where parameter = 'srm_alpha') as srm_alpha
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_rule_experiment' and version = 1

),

observed as (          -- whole windows of persons of one variant

    select
        experiment_id,
        person_id,
        variant,
        assigned_at,
        window_ends_at
    from persons
    where is_mature and variant is not null

),

visits as (

    select
        observed.experiment_id,
        observed.person_id,
        {{ count_where("events.event_name = 'page_view'") }} as page_views,
        {{ count_where("events.event_name = 'page_error'") }} as page_errors
    from observed
    inner join events
        on
            observed.person_id = events.person_id
            and events.event_at >= observed.assigned_at
            and events.event_at <= observed.window_ends_at
    group by observed.experiment_id, observed.person_id

),

purchases as (

    select
        observed.experiment_id,
        observed.person_id,
        count(*) as paid_orders,
        {{ count_where('orders.is_valid') }} as valid_orders,
        coalesce(sum(orders.paid_amount) filter (where orders.is_valid), 0) as gmv,
        {{ count_where('orders.refund_count > 0') }} as refunded_orders,
        sum(orders.paid_amount - orders.refunded_amount) filter (where orders.cost_amount is not null) as net_sales,
        sum(orders.cost_amount) as costs
    from observed
    inner join orders
        on
            observed.person_id = orders.person_id
            and orders.paid_at >= observed.assigned_at
            and orders.paid_at <= observed.window_ends_at
    group by observed.experiment_id, observed.person_id

),

rated_tickets as (

    select
        coalesce(
            case when tickets.user_id is not null then {{ person_of_user('user_persons.person_id', 'tickets.user_id') }} end,
            orders.person_id
        ) as person_id,
        tickets.opened_at,
        tickets.is_bad
    from tickets
    left join user_persons on tickets.user_id = user_persons.user_id
    left join orders on tickets.order_id = orders.order_id
    where tickets.is_rated

),

ratings as (

    select
        observed.experiment_id,
        observed.person_id,
        count(*) as rated,
        {{ count_where('rated_tickets.is_bad') }} as bad
    from observed
    inner join rated_tickets
        on
            observed.person_id = rated_tickets.person_id
            and rated_tickets.opened_at >= observed.assigned_at
            and rated_tickets.opened_at <= observed.window_ends_at
    group by observed.experiment_id, observed.person_id

),

outcomes as (

    select
        observed.experiment_id,
        observed.variant,
        count(*) as observed_persons,
        count(visits.person_id) as exposed_persons,
        {{ count_where('purchases.valid_orders > 0') }} as converted_persons,
        coalesce(sum(purchases.valid_orders), 0) as valid_orders,
        coalesce(sum(purchases.gmv), 0) as gmv,
        coalesce(sum(purchases.paid_orders), 0) as paid_orders,
        coalesce(sum(purchases.refunded_orders), 0) as refunded_orders,
        {{ safe_divide('sum(purchases.net_sales - purchases.costs)', 'sum(purchases.net_sales)') }} as gross_margin_rate,
        coalesce(sum(visits.page_views), 0) as page_views,
        coalesce(sum(visits.page_errors), 0) as page_errors,
        coalesce(sum(ratings.rated), 0) as rated_tickets,
        coalesce(sum(ratings.bad), 0) as bad_ratings
    from observed
    left join visits on observed.experiment_id = visits.experiment_id and observed.person_id = visits.person_id
    left join purchases on observed.experiment_id = purchases.experiment_id and observed.person_id = purchases.person_id
    left join ratings on observed.experiment_id = ratings.experiment_id and observed.person_id = ratings.person_id
    group by observed.experiment_id, observed.variant

),

assigned as (

    select
        experiment_id,
        variant,
        min(assigned_at) as first_assigned_at,
        count(*) as assigned_persons,
        {{ count_where('not is_mature') }} as immature_persons
    from persons
    where variant is not null
    group by experiment_id, variant

),

mixed as (

    select
        experiment_id,
        count(*) as mixed_persons
    from persons
    where variant is null
    group by experiment_id

),

ratios as (

    -- the control is the variant of that name, else the first by name; the plan is an equal split
    select
        experiment_id,
        variant,
        first_assigned_at,
        assigned_persons,
        immature_persons,
        row_number() over (
            partition by experiment_id
            order by case when lower(variant) = 'control' then 0 else 1 end, variant
        ) = 1 as is_control,
        cast(sum(assigned_persons) over (partition by experiment_id) as double)
        / count(*) over (partition by experiment_id) as planned_persons,
        count(*) over (partition by experiment_id) - 1 as degrees_of_freedom
    from assigned

),

tested as (

    select
        ratios.experiment_id,
        ratios.variant,
        ratios.is_control,
        ratios.first_assigned_at,
        ratios.assigned_persons,
        ratios.immature_persons,
        ratios.degrees_of_freedom,
        sum(
            (ratios.assigned_persons - ratios.planned_persons) * (ratios.assigned_persons - ratios.planned_persons)
            / ratios.planned_persons
        ) over (partition by ratios.experiment_id) as srm_chi_square,
        coalesce(outcomes.observed_persons, 0) as observed_persons,
        coalesce(outcomes.exposed_persons, 0) as exposed_persons,
        coalesce(outcomes.converted_persons, 0) as converted_persons,
        coalesce(outcomes.valid_orders, 0) as valid_orders,
        coalesce(outcomes.gmv, 0) as gmv,
        {{ safe_divide('outcomes.converted_persons', 'outcomes.observed_persons') }} as conversion_rate,
        {% for events, trials, _ in guardrails -%}
        coalesce(outcomes.{{ trials }}, 0) as {{ trials }},
        coalesce(outcomes.{{ events }}, 0) as {{ events }},
        {% endfor -%}
        outcomes.gross_margin_rate
    from ratios
    left join outcomes on ratios.experiment_id = outcomes.experiment_id and ratios.variant = outcomes.variant

),

compared as (

    select
        tested.experiment_id,
        tested.variant,
        tested.is_control,
        tested.first_assigned_at,
        tested.assigned_persons,
        tested.immature_persons,
        tested.degrees_of_freedom,
        tested.srm_chi_square,
        tested.observed_persons,
        tested.exposed_persons,
        tested.converted_persons,
        tested.valid_orders,
        tested.gmv,
        tested.gross_margin_rate,
        tested.conversion_rate,
        control.conversion_rate as control_rate,
        case when not tested.is_control then tested.conversion_rate - control.conversion_rate end as absolute_lift,
        case
            when not tested.is_control
                then sqrt(
                    tested.conversion_rate * (1 - tested.conversion_rate) / nullif(tested.observed_persons, 0)
                    + control.conversion_rate * (1 - control.conversion_rate) / nullif(control.observed_persons, 0)
                )
        end as standard_error,
        {{ safe_divide('tested.converted_persons + control.converted_persons', 'tested.observed_persons + control.observed_persons') }}
            as pooled_rate,
        cast(1 as double) / nullif(tested.observed_persons, 0) + cast(1 as double) / nullif(control.observed_persons, 0)
            as pooled_weight
        {%- for events, trials, name in guardrails %},
        {{ safe_divide('tested.' ~ events, 'tested.' ~ trials) }} as {{ name }}_rate,
        case when not tested.is_control then {{ safe_divide('tested.' ~ events, 'tested.' ~ trials) }} - {{ safe_divide('control.' ~ events, 'control.' ~ trials) }} end
            as {{ name }}_difference,
        {{ safe_divide('tested.' ~ events ~ ' + control.' ~ events, 'tested.' ~ trials ~ ' + control.' ~ trials) }} as pooled_{{ name }}_rate,
        cast(1 as double) / nullif(tested.{{ trials }}, 0) + cast(1 as double) / nullif(control.{{ trials }}, 0) as pooled_{{ name }}_weight
        {%- endfor %}
    from tested
    inner join tested as control on tested.experiment_id = control.experiment_id and control.is_control

),

scored as (

    select
        compared.experiment_id,
        compared.variant,
        compared.is_control,
        compared.first_assigned_at,
        compared.assigned_persons,
        compared.immature_persons,
        compared.degrees_of_freedom,
        compared.srm_chi_square,
        compared.observed_persons,
        compared.exposed_persons,
        compared.converted_persons,
        compared.valid_orders,
        compared.gmv,
        compared.gross_margin_rate,
        compared.conversion_rate,
        compared.control_rate,
        compared.absolute_lift,
        compared.standard_error,
        {{ safe_divide('compared.absolute_lift', 'sqrt(compared.pooled_rate * (1 - compared.pooled_rate) * compared.pooled_weight)') }}
            as z_score
        {%- for _, _, name in guardrails %},
        compared.{{ name }}_rate,
        {{ safe_divide(
            'compared.' ~ name ~ '_difference',
            'sqrt(' ~ greatest_of(['0', 'compared.pooled_' ~ name ~ '_rate * (1 - compared.pooled_' ~ name ~ '_rate)']) ~ ' * compared.pooled_' ~ name ~ '_weight)'
        ) }} as {{ name }}_z
        {%- endfor %}
    from compared

)

select
    {{ as_text('scored.experiment_id') }} as experiment_id,
    {{ as_text('scored.variant') }} as variant,
    scored.is_control,
    scored.first_assigned_at,
    cast(scored.assigned_persons as bigint) as assigned_persons,
    cast(scored.immature_persons as bigint) as immature_persons,
    cast(coalesce(mixed.mixed_persons, 0) as bigint) as mixed_persons,
    cast(scored.observed_persons as bigint) as observed_persons,
    cast(scored.exposed_persons as bigint) as exposed_persons,
    cast(scored.converted_persons as bigint) as converted_persons,
    scored.conversion_rate,
    scored.control_rate,
    scored.absolute_lift,
    scored.absolute_lift - rules.confidence_z * scored.standard_error as lift_lower,
    scored.absolute_lift + rules.confidence_z * scored.standard_error as lift_upper,
    {{ safe_divide('scored.absolute_lift', 'scored.control_rate') }} as relative_lift,
    scored.z_score,
    round({{ normal_two_sided_p('scored.z_score') }}, 6) as p_value,
    scored.srm_chi_square,
    round({{ chi_square_p('scored.srm_chi_square', 'scored.degrees_of_freedom') }}, 6) as srm_p_value,
    coalesce({{ chi_square_p('scored.srm_chi_square', 'scored.degrees_of_freedom') }} < rules.srm_alpha, false)
        as has_sample_ratio_mismatch,
    cast(scored.valid_orders as bigint) as valid_orders,
    cast(scored.gmv as decimal(38, 18)) as gmv,
    scored.refund_rate,
    scored.gross_margin_rate,
    scored.page_crash_rate,
    scored.bad_rating_rate,
    round(scored.refund_z, 6) as refund_z,
    round(scored.page_crash_z, 6) as page_crash_z,
    round(scored.bad_rating_z, 6) as bad_rating_z,
    coalesce(greatest(scored.refund_z, scored.page_crash_z, scored.bad_rating_z) > rules.confidence_z, false) as is_guardrail_worse,
    cast(horizon.as_of as {{ type_ts() }}) as as_of
from scored
cross join rules
cross join horizon
left join mixed on scored.experiment_id = mixed.experiment_id
