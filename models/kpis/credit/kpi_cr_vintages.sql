with

vintages as (

    select * from {{ ref('fct_vintage_curve') }}

),

landed as (

    select * from {{ ref('stg_credit__landed') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'cr_vintage_mob3_dpd30_rate' and {{ credit_dpd_is_landed() }}

),

ages as (

    select metric_id as kpi_id, version, cast(value as int) as mob
    from {{ ref('stg_dictionary__parameters') }}
    where metric_id = 'cr_vintage_mob3_dpd30_rate' and parameter = 'mob'

),

newest as (           -- a vintage that is younger is read as it stands

    select
        ages.kpi_id,
        ages.version,
        vintages.cohort_month,
        ages.mob,
        max(vintages.mob) as read_mob
    from vintages
    inner join ages on vintages.mob <= ages.mob
    group by ages.kpi_id, ages.version, vintages.cohort_month, ages.mob

),

sliced as (

    select
        slices.kpi_id,
        slices.version,
        slices.period_grain,
        {{ period_start('slices.period_grain', 'cast(vintages.cohort_month as ' ~ type_ts() ~ ')') }} as period_start,
        slices.dimension,
        {{ credit_member('slices.dimension', 'vintages', ['channel', 'customer_type', 'product_line']) }}
            as dimension_value,
        vintages.accounts,
        vintages.dpd30_accounts,
        newest.read_mob = newest.mob and vintages.is_final as is_matured
    from newest
    inner join vintages
        on newest.cohort_month = vintages.cohort_month and newest.read_mob = vintages.mob
    inner join slices on newest.kpi_id = slices.kpi_id and newest.version = slices.version

),

measured as (

    {{ sum_and_divide('sliced', 'dpd30_accounts', 'accounts', is_matured=all_true('is_matured')) }}

)

{{ kpi_rows('measured', 'credit', ref('int_credit__as_of')) }}
