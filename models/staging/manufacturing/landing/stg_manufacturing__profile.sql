-- Written by `kpi sync`; do not edit.
{{ config(materialized='table') }}

{{ landing_profile(
    'manufacturing',
    {
        'work_orders': [ref('base_manufacturing__work_orders'), ref('stg_manufacturing__work_orders')],
        'unit_operations': [ref('base_manufacturing__unit_operations'), ref('stg_manufacturing__unit_operations')],
        'inspections': [ref('base_manufacturing__inspections'), ref('stg_manufacturing__inspections')],
        'rework_orders': [ref('base_manufacturing__rework_orders'), ref('stg_manufacturing__rework_orders')],
        'scrap_reports': [ref('base_manufacturing__scrap_reports'), ref('stg_manufacturing__scrap_reports')],
        'first_article_inspections': [ref('base_manufacturing__first_article_inspections'), ref('stg_manufacturing__first_article_inspections')],
        'changeovers': [ref('base_manufacturing__changeovers'), ref('stg_manufacturing__changeovers')],
        'machine_states': [ref('base_manufacturing__machine_states'), ref('stg_manufacturing__machine_states')],
        'counter_readings': [ref('base_manufacturing__counter_readings'), ref('stg_manufacturing__counter_readings')],
        'maintenance_orders': [ref('base_manufacturing__maintenance_orders'), ref('stg_manufacturing__maintenance_orders')],
        'capa_actions': [ref('base_manufacturing__capa_actions'), ref('stg_manufacturing__capa_actions')],
        'scans': [ref('base_manufacturing__scans'), ref('stg_manufacturing__scans')],
        'measurements': [ref('base_manufacturing__measurements'), ref('stg_manufacturing__measurements')],
        'sensor_records': [ref('base_manufacturing__sensor_records'), ref('stg_manufacturing__sensor_records')],
        'shift_calendar': [ref('base_manufacturing__shift_calendar'), ref('stg_manufacturing__shift_calendar')],
        'calendar_breaks': [ref('base_manufacturing__calendar_breaks'), ref('stg_manufacturing__calendar_breaks')],
        'machines': [ref('base_manufacturing__machines'), ref('stg_manufacturing__machines')],
        'routings': [ref('base_manufacturing__routings'), ref('stg_manufacturing__routings')],
        'ideal_cycle_times': [ref('base_manufacturing__ideal_cycle_times'), ref('stg_manufacturing__ideal_cycle_times')],
        'changeover_standards': [ref('base_manufacturing__changeover_standards'), ref('stg_manufacturing__changeover_standards')],
        'downtime_reasons': [ref('base_manufacturing__downtime_reasons'), ref('stg_manufacturing__downtime_reasons')],
        'defect_codes': [ref('base_manufacturing__defect_codes'), ref('stg_manufacturing__defect_codes')],
        'standard_costs': [ref('base_manufacturing__standard_costs'), ref('stg_manufacturing__standard_costs')],
        'machine_hour_costs': [ref('base_manufacturing__machine_hour_costs'), ref('stg_manufacturing__machine_hour_costs')],
        'characteristic_specs': [ref('base_manufacturing__characteristic_specs'), ref('stg_manufacturing__characteristic_specs')]
    }
) }}
