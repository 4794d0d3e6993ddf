with

assignments as (

    select * from {{ ref('stg_ecommerce__experiment_assignments') }}

),

assignment_persons as (

    select * from {{ ref('int_ecommerce__assignment_persons') }}

),

horizon as (

    select * from {{ ref('int_ecommerce__as_of') }}

),

rules as (

    select value * 86400 as window_seconds
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'ec_rule_experiment' and version = 1 and parameter = 'conversion_window_days'

),

persons as (

    select
        assignments.experiment_id,
        assignment_persons.person_id,
        min(assignments.variant) as variant,
        min(assignments.assigned_at) as assigned_at,
        count(distinct assignments.variant) as variants
    from assignments
    inner join assignment_persons
        on
            {{ hash_key(['assignments.experiment_id', 'assignments.user_id', 'assignments.device_id']) }}
            = assignment_persons.request_id
    group by assignments.experiment_id, assignment_persons.person_id

)

select
    persons.experiment_id,
    persons.person_id,
    case when persons.variants = 1 then persons.variant end as variant,
    persons.assigned_at,
    {{ add_seconds('persons.assigned_at', 'rules.window_seconds') }} as window_ends_at,
    {{ add_seconds('persons.assigned_at', 'rules.window_seconds') }} <= horizon.as_of_utc as is_mature
from persons
cross join rules
cross join horizon
