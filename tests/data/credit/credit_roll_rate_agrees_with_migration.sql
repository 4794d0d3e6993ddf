-- The roll rate counts the undisputed moves of the migration matrix out of 1-29, and those of them to 30 and more.
with

published as (

    select period_start, numerator, denominator
    from {{ ref('kpi_cr_roll_rate') }}
    where dimension = 'all' and version = 1

),

moved as (

    select
        cast(month_start as {{ type_ts() }}) as period_start,
        sum(undisputed_accounts) filter (where to_bucket in ('30-59', '60-89', '90+', 'charged_off')) as numerator,
        sum(undisputed_accounts) as denominator
    from {{ ref('fct_migration_matrix') }}
    where from_bucket = '1-29'
    group by month_start
    having sum(undisputed_accounts) > 0

)

select
    coalesce(published.period_start, moved.period_start) as period_start,
    published.numerator,
    moved.numerator as moved_numerator,
    published.denominator,
    moved.denominator as moved_denominator
from published
full outer join moved on published.period_start = moved.period_start
where
    {{ is_distinct('published.denominator', 'cast(moved.denominator as double)') }}
    or {{ is_distinct('published.numerator', 'cast(coalesce(moved.numerator, 0) as double)') }}
