with

machine_shifts as (

    select * from {{ ref('int_manufacturing__machine_shifts') }}

),

performance as (

    select * from {{ ref('int_manufacturing__performance') }}

),

pass_counts as (

    select * from {{ ref('int_manufacturing__pass_counts') }}

),

parameters as (

    select * from {{ ref('stg_dictionary__parameters') }}
    where parameter = 'overrun_is_downtime'

),

dictionary_slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where
        kpi_id in ('mf_availability', 'mf_performance', 'mf_quality')
        or (kpi_id = 'mf_oee' and {{ manufacturing_has(['machine_states', 'unit_operations', 'ideal_cycle_times']) }})

),

slices as (

    select
        dictionary_slices.kpi_id,
        dictionary_slices.version,
        dictionary_slices.period_grain,
        dictionary_slices.dimension,
        coalesce(parameters.value, 0) = 1 as overrun_is_downtime
    from dictionary_slices
    left join parameters
        on dictionary_slices.kpi_id = parameters.metric_id and dictionary_slices.version = parameters.version

),

factors as (

    select
        'mf_availability' as factor,
        line_id, station_id, machine_id, shift_name, production_date, shift_starts_local_at,
        {{ typed_null('text') }} as product_family,
        ppt_seconds,
        run_seconds_v1,
        run_seconds_v2,
        {{ typed_null('num') }} as ideal_seconds,
        {{ typed_null('int') }} as completed_passes,
        {{ typed_null('int') }} as good_passes
    from machine_shifts
    union all
    select
        'mf_performance' as factor,
        line_id, station_id, machine_id, shift_name, production_date, shift_starts_local_at,
        product_family,
        {{ typed_null('num') }} as ppt_seconds,
        run_seconds_v1,
        run_seconds_v2,
        ideal_seconds,
        {{ typed_null('int') }} as completed_passes,
        {{ typed_null('int') }} as good_passes
    from performance
    where {{ manufacturing_has(['counter_readings']) }} or {{ manufacturing_has(['unit_operations']) }}
    union all
    select
        'mf_quality' as factor,
        line_id, station_id, machine_id, shift_name, production_date, shift_starts_local_at,
        product_family,
        {{ typed_null('num') }} as ppt_seconds,
        {{ typed_null('num') }} as run_seconds_v1,
        {{ typed_null('num') }} as run_seconds_v2,
        {{ typed_null('num') }} as ideal_seconds,
        completed_passes,
        good_passes
    from pass_counts

),

per_slice as (

    {{ sum_by_slice(
        'factors', 'slices',
        {
            'ppt_seconds': 'facts.ppt_seconds',
            'run_seconds': "case when facts.factor = 'mf_availability' then case when slices.overrun_is_downtime then facts.run_seconds_v2 else facts.run_seconds_v1 end end",
            'rated_run_seconds': "case when facts.factor = 'mf_performance' then case when slices.overrun_is_downtime then facts.run_seconds_v2 else facts.run_seconds_v1 end end",
            'ideal_seconds': 'facts.ideal_seconds',
            'good_passes': 'facts.good_passes',
            'completed_passes': 'facts.completed_passes',
            'machine_shifts': "case when facts.factor = 'mf_availability' then 1 end",
            'rated_rows': "case when facts.factor = 'mf_performance' then 1 end"
        },
        dimensions=['line', 'station', 'machine', 'shift_name', 'line+station', 'product_family'],
        where="slices.kpi_id in ('mf_oee', facts.factor)"
    ) }}

),

measured_factors as (

    select
        kpi_id, version, period_grain, period_start, period_end, dimension, dimension_value, is_final,
        run_seconds, ppt_seconds,
        ideal_seconds, rated_run_seconds,
        good_passes, completed_passes,
        machine_shifts, rated_rows,
        {{ safe_divide('run_seconds', 'ppt_seconds') }}
        * {{ safe_divide('ideal_seconds', 'rated_run_seconds') }}
        * {{ safe_divide('good_passes', 'completed_passes') }} as oee
    from per_slice

),

measured as (

    select
        kpi_id, version, period_grain, period_start, period_end, dimension, dimension_value, is_final,
        case kpi_id
            when 'mf_availability' then run_seconds
            when 'mf_performance' then ideal_seconds
            when 'mf_quality' then good_passes
            when 'mf_oee' then oee * ppt_seconds
        end as numerator,
        case kpi_id
            when 'mf_performance' then rated_run_seconds
            when 'mf_quality' then completed_passes
            else ppt_seconds
        end as denominator,
        case kpi_id
            when 'mf_availability' then {{ safe_divide('run_seconds', 'ppt_seconds') }}
            when 'mf_performance' then {{ safe_divide('ideal_seconds', 'rated_run_seconds') }}
            when 'mf_quality' then {{ safe_divide('good_passes', 'completed_passes') }}
            when 'mf_oee' then oee
        end as value,
        case kpi_id
            when 'mf_performance' then rated_rows
            when 'mf_quality' then completed_passes
            else machine_shifts
        end as sample_size
    from measured_factors

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
