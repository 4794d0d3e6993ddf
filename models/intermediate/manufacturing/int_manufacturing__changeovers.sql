with

changeovers as (

    select * from {{ ref('stg_manufacturing__changeovers') }}

),

machines as (

    select * from {{ ref('stg_manufacturing__machines') }}

),

product_families as (

    select * from {{ ref('int_manufacturing__product_families') }}

),

standards as (

    select * from {{ ref('stg_manufacturing__changeover_standards') }}

),

horizon as (

    select * from {{ ref('int_manufacturing__as_of') }}

),

described as (

    select
        changeovers.changeover_id,
        changeovers.machine_id,
        coalesce(machines.line_id, 'unknown') as line_id,
        coalesce(machines.station_id, 'unknown') as station_id,
        coalesce(old_model.product_family, 'unknown') as from_family,
        coalesce(new_model.product_family, 'unknown') as to_family,
        changeovers.last_good_at as starts_at,
        changeovers.first_good_at,
        coalesce(changeovers.first_good_at, horizon.as_of_utc) as until_at
    from changeovers
    cross join horizon
    left join machines on changeovers.machine_id = machines.machine_id
    left join product_families as old_model on changeovers.from_product_id = old_model.product_id
    left join product_families as new_model on changeovers.to_product_id = new_model.product_id

),

placed as (

    select
        described.changeover_id,
        described.machine_id,
        described.line_id,
        described.station_id,
        described.from_family,
        described.to_family,
        described.starts_at,
        described.first_good_at,
        described.until_at,
        {{ place_columns('described.starts_at') }}
    from described
    {{ place_joins('described.line_id', 'described.starts_at') }}

)

select
    placed.changeover_id,
    placed.machine_id,
    placed.line_id,
    placed.station_id,
    placed.from_family,
    placed.to_family,
    placed.starts_at,
    placed.first_good_at,
    placed.until_at,
    {{ arg_max('standards.standard_minutes', 'standards.valid_from') }} * 60 as standard_seconds
from placed
left join standards
    on
        placed.machine_id = standards.machine_id
        and placed.from_family = standards.from_family
        and placed.to_family = standards.to_family
        and placed.production_date >= standards.valid_from
        and (placed.production_date < standards.valid_to or standards.valid_to is null)
group by
    placed.changeover_id, placed.machine_id, placed.line_id, placed.station_id, placed.from_family, placed.to_family,
    placed.starts_at, placed.first_good_at, placed.until_at
