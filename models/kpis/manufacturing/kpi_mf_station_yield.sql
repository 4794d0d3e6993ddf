with

station_entries as (

    select * from {{ ref('int_manufacturing__station_entries') }}

),

slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'mf_station_fpy'

),

rty_slices as (

    select * from {{ ref('stg_dictionary__slices') }}
    where kpi_id = 'mf_rty' and dimension = 'line'

),

facts as (

    select
        line_id, station_id, production_date, shift_starts_local_at,
        count(*) as units,
        {{ count_where('is_first_pass') }} as first_pass_units
    from station_entries
    group by line_id, station_id, production_date, shift_starts_local_at

),

per_slice as (

    {{ sum_by_slice(
        'facts', 'slices',
        {'numerator': 'facts.first_pass_units', 'denominator': 'facts.units', 'sample_size': 'facts.units'},
        dimensions=['station', 'line+station']
    ) }}

),

per_line_station as (

    select
        rty_slices.kpi_id,
        rty_slices.version,
        rty_slices.period_grain,
        periods.period_start,
        periods.period_end,
        periods.is_closed,
        facts.line_id,
        facts.station_id,
        sum(facts.first_pass_units) as first_pass_units,
        sum(facts.units) as units
    from facts
    cross join rty_slices
    inner join {{ ref('int_manufacturing__periods') }} as periods
        on
            facts.line_id = periods.line_id
            and rty_slices.period_grain = periods.period_grain
            and {{ period_start('rty_slices.period_grain', 'cast(facts.production_date as ' ~ type_ts() ~ ')') }} = periods.period_start
    group by
        rty_slices.kpi_id, rty_slices.version, rty_slices.period_grain, periods.period_start, periods.period_end,
        periods.is_closed, facts.line_id, facts.station_id

),

measured as (

    {{ ratio_of_sums('per_slice') }}
    union all
    select
        kpi_id, version, period_grain, period_start, period_end,
        'line' as dimension,
        line_id as dimension_value,
        {{ typed_null('num') }} as numerator,
        {{ typed_null('num') }} as denominator,
        -- a product by logarithms; one station without a good unit makes it 0
        case
            when min(first_pass_units) = 0 then 0
            else exp(sum({{ safe_ln(safe_divide('first_pass_units', 'units')) }}))
        end as value,
        sum(units) as sample_size,
        {{ all_true('is_closed') }} as is_final
    from per_line_station
    group by kpi_id, version, period_grain, period_start, period_end, line_id

)

{{ kpi_rows('measured', 'manufacturing', ref('int_manufacturing__as_of'), own_period=true) }}
