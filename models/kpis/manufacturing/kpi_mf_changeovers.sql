with

changeovers as (

    select * from {{ ref('int_manufacturing__changeovers') }}
    where first_good_at is not null

),

changeover_windows as (

    select * from {{ ref('int_manufacturing__changeover_windows') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id = 'mf_changeover_minutes'
        or (kpi_id = 'mf_changeover_standard_rate' and {{ manufacturing_has(['changeover_standards']) }})

),

overruns as (

    select
        changeover_id,
        sum(overrun_seconds) as overrun_seconds
    from changeover_windows
    group by changeover_id

),

facts as (

    select
        changeovers.line_id,
        changeovers.machine_id,
        changeovers.from_family,
        changeovers.to_family,
        changeovers.standard_seconds is not null as has_standard,
        {{ minutes_between('changeovers.starts_at', 'changeovers.first_good_at') }} as elapsed_minutes,
        coalesce(overruns.overrun_seconds, 0) = 0 as is_within_standard,
        {{ place_columns('changeovers.first_good_at') }}
    from changeovers
    left join overruns on changeovers.changeover_id = overruns.changeover_id
    {{ place_joins('changeovers.line_id', 'changeovers.first_good_at') }}

),

per_slice as (

    {{ sum_by_slice(
        'facts', 'slices',
        {
            'numerator': "case when slices.kpi_id = 'mf_changeover_minutes' then facts.elapsed_minutes else " ~ bool_to_int('facts.is_within_standard') ~ " end",
            'denominator': '1',
            'sample_size': '1'
        },
        dimensions=['line', 'machine', 'from_family+to_family'],
        where="slices.kpi_id = 'mf_changeover_minutes' or facts.has_standard"
    ) }}

),

measured as (

    {{ ratio_of_sums('per_slice') }}

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
