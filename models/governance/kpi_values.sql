with

every_kpi as (

    -- kpi models, written by `kpi sync` (start)
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_api') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_applications') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_collections') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_controllable_time') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_decision_rates') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_due_instalments') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_node_sla') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_policies') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_portfolio') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_roll_rate') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_score_models') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_supplement_cycle') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_supplement_rate') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_timeout_abandon') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_turnaround') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_vintages') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_cr_wip') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_checkout') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_completeness') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_cvr') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_dashboards') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_delivery') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_enrolment') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_identity_match') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_key_category_cvr') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_membership') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_messages') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_mta_coverage') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_order_value') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_page_performance') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_payments') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_pdp_atc') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_price') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_repeat_gmv') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_repurchase') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_search') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_service') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_stock') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_time_to_purchase') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_ec_winback') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_capa') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_changeovers') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_cycle_time') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_data_quality') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_defects') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_downtime') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_first_article') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_first_pass') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_microstops') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_oee') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_output') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_reliability') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_scans') }}
    union all
    select
        kpi_id, version, domain, period_grain, period_start, period_end, dimension, dimension_value,
        numerator, denominator, value, sample_size, is_final, as_of
    from {{ ref('kpi_mf_station_yield') }}
    -- kpi models, written by `kpi sync` (end)

)

select
    kpi_id,
    version,
    domain,
    period_grain,
    period_start,
    period_end,
    dimension,
    dimension_value,
    numerator,
    denominator,
    value,
    sample_size,
    is_final,
    as_of
from every_kpi
