{%- set rates = {'scan_compliance': 'mf_scan_compliance_rate', 'downtime_coding': 'mf_downtime_coding_rate'} -%}
with

shifts as (

    select * from {{ ref('int_manufacturing__shifts') }}
    where has_started

),

official as (

    select * from {{ ref('kpi_official_values') }}
    where period_grain = 'shift' and dimension = 'line'

),

targets as (

    select * from {{ ref('kpi_targets') }}
    where period_grain = 'shift' and dimension = 'all' and condition is null and comparator = '>='

),

record_quality as (

    select * from {{ ref('int_manufacturing__record_quality') }}

),

off_routing as (

    select * from {{ ref('dq_off_routing_passes') }}

),

device_matches as (

    select * from {{ ref('dq_mes_device_match') }}

),

horizon as (

    select as_of from {{ ref('int_manufacturing__as_of') }}

),

shift_records as (

    select
        line_id,
        production_date,
        shift_name,
        sum(records) as records,
        sum(complete_records) as complete_records,
        sum(late_records) as late_records,
        sum(irregular_records) as irregular_records
    from record_quality
    group by line_id, production_date, shift_name

),

shift_completions as (

    select
        line_id,
        production_date,
        shift_name,
        count(*) as completions,
        {{ count_where("outcome = 'not_running'") }} as unmatched_completions
    from device_matches
    group by line_id, production_date, shift_name

),

shift_off_routing as (

    select
        line_id,
        production_date,
        shift_name,
        count(*) as off_routing_passes
    from off_routing
    group by line_id, production_date, shift_name

),

measured as (

    select
        shifts.line_id,
        shifts.production_date,
        shifts.shift_name,
        shifts.starts_local_at,
        shifts.is_closed,
        {% for name, kpi_id in rates.items() -%}
        {{ name }}.numerator as {{ name }}_numerator,
        {{ name }}.denominator as {{ name }}_denominator,
        {{ name }}.value as {{ name }}_rate,
        {% endfor -%}
        coalesce(shift_records.records, 0) as records,
        {{ safe_divide('shift_records.complete_records', 'shift_records.records') }} as key_field_completeness,
        {{ safe_divide(
            'shift_records.records - shift_records.late_records - shift_records.irregular_records',
            'shift_records.records - shift_records.irregular_records'
        ) }} as on_time_rate,
        coalesce(shift_records.late_records, 0) as late_records,
        coalesce(shift_records.irregular_records, 0) as irregular_records,
        coalesce(shift_completions.completions, 0) as completions,
        coalesce(shift_completions.unmatched_completions, 0) as unmatched_completions,
        coalesce(shift_off_routing.off_routing_passes, 0) as off_routing_passes
    from shifts
    {% for name, kpi_id in rates.items() -%}
    left join official as {{ name }}
        on {{ name }}.kpi_id = '{{ kpi_id }}'
        and shifts.line_id = {{ name }}.dimension_value
        and shifts.starts_local_at = {{ name }}.period_start
    {% endfor -%}
    {% for part in ['shift_records', 'shift_completions', 'shift_off_routing'] -%}
    left join {{ part }}
        on shifts.line_id = {{ part }}.line_id
        and shifts.production_date = {{ part }}.production_date
        and shifts.shift_name = {{ part }}.shift_name
    {% endfor %}

),

judged as (

    {%- set columns = {
        'mf_scan_compliance_rate': 'scan_compliance_rate', 'mf_downtime_coding_rate': 'downtime_coding_rate',
        'mf_data_completeness_rate': 'key_field_completeness', 'mf_data_latency_rate': 'on_time_rate'
    } %}
    {% for kpi_id, column in columns.items() -%}
    select
        measured.line_id,
        measured.starts_local_at,
        '{{ column }}' as check_name,
        measured.{{ column }} >= max(targets.target_value) as is_met
    from measured
    inner join targets
        on targets.kpi_id = '{{ kpi_id }}'
        and (targets.valid_from is null or measured.starts_local_at >= cast(targets.valid_from as {{ type_ts() }}))
        and (targets.valid_to is null or measured.starts_local_at < cast(targets.valid_to as {{ type_ts() }}))
    where measured.{{ column }} is not null
    group by measured.line_id, measured.starts_local_at, measured.{{ column }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

missed as (

    select
        line_id,
        starts_local_at,
        count(*) as checks,
        {{ count_where('not is_met') }} as checks_failed,
        {{ string_agg('check_name', ', ', 'check_name', where='not is_met') }} as failed_checks
    from judged
    group by line_id, starts_local_at

)

select
    measured.line_id,
    cast(measured.production_date as date) as production_date,
    measured.shift_name,
    cast(measured.starts_local_at as {{ type_ts() }}) as starts_local_at,
    measured.is_closed,
    cast(measured.scan_compliance_denominator as {{ type_bigint() }}) as units,
    cast(measured.scan_compliance_rate as {{ type_double() }}) as scan_compliance_rate,
    cast(measured.downtime_coding_denominator as {{ type_double() }}) as unplanned_downtime_seconds,
    cast(measured.downtime_coding_rate as {{ type_double() }}) as downtime_coding_rate,
    cast(measured.records as {{ type_bigint() }}) as records,
    cast(measured.key_field_completeness as {{ type_double() }}) as key_field_completeness,
    cast(measured.on_time_rate as {{ type_double() }}) as on_time_rate,
    cast(measured.late_records as {{ type_bigint() }}) as late_records,
    cast(measured.irregular_records as {{ type_bigint() }}) as irregular_records,
    cast(measured.completions as {{ type_bigint() }}) as completions,
    cast(measured.unmatched_completions as {{ type_bigint() }}) as unmatched_completions,
    cast(measured.off_routing_passes as {{ type_bigint() }}) as off_routing_passes,
    cast(coalesce(missed.checks, 0) as {{ type_bigint() }}) as checks,
    cast(coalesce(missed.checks_failed, 0) as {{ type_bigint() }}) as checks_failed,
    missed.failed_checks,
    horizon.as_of
from measured
cross join horizon
left join missed
    on measured.line_id = missed.line_id and measured.starts_local_at = missed.starts_local_at
