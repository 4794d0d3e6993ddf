"""The tables, columns and types that the generator writes: the raw input contract in compact form.

Each table is one string of ``column:type`` words; ``*`` marks a key column, ``!`` a required one. Types are
``id``/``text`` (string), ``num`` (float64), ``int`` (int64), ``bool``, ``ts`` (naive UTC, microseconds),
``date``. The word ``@csv`` lands the table as CSV instead of Parquet, ``@bom`` as CSV with a byte-order mark.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

_TYPES: dict[str, pa.DataType] = {
    "id": pa.string(),
    "text": pa.string(),
    "num": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "ts": pa.timestamp("us"),
    "date": pa.date32(),
}

_ECOMMERCE = {
    "events": "event_id:id*! event_name:text! event_at:ts! user_id:id device_id:id cookie_id:id phone_hash:id "
    "fingerprint_id:id platform:text entry:text page_type:text page_url:text sku_id:id category_id:id price:num "
    "stock:int quantity:int promo_id:id order_id:id checkout_id:id search_id:id latency_ms:num utm_source:text "
    "utm_medium:text utm_campaign:text utm_content:text slot_id:id impression_id:id user_agent:text ip:text "
    "is_test:bool",
    "orders": "order_id:id*! user_id:id! created_at:ts! paid_at:ts platform:text entry:text campaign_id:id "
    "gross_amount:num! discount_amount:num paid_amount:num! cost_amount:num is_test:bool",
    "order_items": "order_id:id*! line_no:int*! sku_id:id! quantity:int! unit_price:num! unit_cost:num",
    "refunds": "@csv refund_id:id*! order_id:id! refunded_at:ts! amount:num!",
    "payment_attempts": "attempt_id:id*! checkout_id:id! order_id:id attempted_at:ts! succeeded:bool! "
    "failure_code:text gateway:text",
    "identity_links": "id_type_a:text*! id_a:id*! id_type_b:text*! id_b:id*! first_seen_at:ts! last_seen_at:ts! "
    "source:text",
    "members": "@csv user_id:id*! joined_at:ts*! left_at:ts tier:text",
    "products": "sku_id:id*! category_id:id! name:text listed_from:ts! listed_to:ts is_key_sku:bool",
    "inventory_snapshots": "sku_id:id*! snapshot_at:ts*! available_qty:int! on_sale:bool!",
    "price_comparisons": "sku_id:id*! compared_at:ts*! own_price:num! competitor_price:num!",
    "campaigns": "@bom campaign_id:id*! name:text kind:text! starts_at:ts! ends_at:ts! utm_campaign:text "
    "category_id:id",
    "campaign_audience": "campaign_id:id*! user_id:id*! segment_id:id entered_at:ts!",
    "messages": "message_id:id*! user_id:id! campaign_id:id channel:text sent_at:ts! delivered_at:ts opened_at:ts "
    "clicked_at:ts",
    "ad_touches": "touch_id:id*! touched_at:ts! kind:text! user_id:id device_id:id cookie_id:id channel:text! "
    "campaign_id:id cost:num",
    "deliveries": "order_id:id*! promised_at:ts! delivered_at:ts",
    "service_tickets": "@bom ticket_id:id*! opened_at:ts! user_id:id order_id:id kind:text! rating:int",
    "experiment_assignments": "experiment_id:id*! user_id:id* device_id:id* variant:text! assigned_at:ts!",
    "server_event_counts": "@csv count_date:date*! event_name:text*! platform:text*! expected_count:int!",
    "dashboard_refreshes": "@csv dashboard:text*! refreshed_at:ts*! data_through_at:ts!",
    "key_categories": "@csv category_id:id*! valid_from:date*! valid_to:date",
    "margin_budgets": "@csv month:date*! gross_margin_rate:num!",
}

_MANUFACTURING = {
    "work_orders": "@bom work_order_id:id*! line_id:text! product_id:id! product_family:text! planned_qty:int "
    "released_at:ts!",
    "unit_operations": "operation_id:id*! unit_id:id! work_order_id:id! station_id:text! machine_id:text "
    "entered_at:ts! completed_at:ts is_rework:bool",
    "inspections": "inspection_id:id*! unit_id:id! station_id:text! kind:text! is_required:bool! inspected_at:ts! "
    "passed:bool! defect_code:text",
    "rework_orders": "rework_id:id*! unit_id:id! station_id:text! opened_at:ts! closed_at:ts defect_code:text "
    "reinspected:bool",
    "scrap_reports": "@csv scrap_id:id*! unit_id:id! station_id:text! scrapped_at:ts! quantity:int defect_code:text",
    "first_article_inspections": "inspection_id:id*! work_order_id:id! line_id:text! machine_id:text "
    "changeover_id:id inspected_at:ts! attempt_no:int! passed:bool!",
    "changeovers": "changeover_id:id*! machine_id:text! from_product_id:id to_product_id:id! last_good_at:ts! "
    "first_good_at:ts",
    "machine_states": "state_id:id*! machine_id:text! started_at:ts! ended_at:ts state:text! reason_code:text "
    "reason_coded_at:ts fault_code:text",
    "counter_readings": "machine_id:text*! read_at:ts*! total_count:int! good_count:int product_id:id",
    "maintenance_orders": "maintenance_id:id*! machine_id:text! kind:text! reported_at:ts! arrived_at:ts "
    "repaired_at:ts fault_code:text",
    "capa_actions": "@csv capa_id:id*! defect_category:text! opened_at:ts! due_at:ts! closed_at:ts "
    "effectiveness_verified:bool",
    "scans": "scan_id:id*! unit_id:id! scan_node:text! scanned_at:ts!",
    "measurements": "measurement_id:id*! unit_id:id machine_id:text characteristic:text! measured_at:ts! "
    "subgroup_id:id measured_value:num!",
    "sensor_records": "record_id:id*! machine_id:text source:text! occurred_at:ts! received_at:ts! "
    "key_fields_expected:int! key_fields_present:int!",
    "shift_calendar": "line_id:text*! production_date:date*! shift_name:text*! starts_at:ts! ends_at:ts! "
    "time_zone:text!",
    "calendar_breaks": "@csv line_id:text*! starts_at:ts*! ends_at:ts! kind:text*!",
    "machines": "@csv machine_id:id*! station_id:text! line_id:text!",
    "routings": "@csv product_family:text*! step_no:int*! station_id:text! is_final_station:bool! "
    "inspection_required:bool! scan_node:text scan_required:bool",
    "ideal_cycle_times": "@csv product_family:text*! machine_id:id*! seconds_per_piece:num! valid_from:date*! "
    "valid_to:date",
    "changeover_standards": "@csv machine_id:id*! from_family:text*! to_family:text*! standard_minutes:num! "
    "valid_from:date*! valid_to:date",
    "standard_costs": "@csv product_id:id*! material_cost:num! labour_cost:num! valid_from:date*! valid_to:date",
    "machine_hour_costs": "@csv machine_id:id*! cost_per_hour:num! valid_from:date*! valid_to:date",
    "characteristic_specs": "@csv characteristic:text*! lower_limit:num target:num upper_limit:num",
}

_CREDIT = {
    "applications": "application_id:id*! customer_id:id! submitted_at:ts! channel:text! customer_type:text! "
    "product_line:text! device_fingerprint:id is_duplicate:bool requested_amount:num",
    "application_events": "event_id:id*! application_id:id! event_name:text! event_at:ts! node:text actor:text "
    "outcome:text reason:text rule_version:text",
    "api_calls": "call_id:id*! api:text! called_at:ts! latency_ms:num status:text!",
    "capacity_forecasts": "@csv forecast_date:date*! queue:text*! daily_capacity:int!",
    "accounts": "account_id:id*! application_id:id customer_id:id! booked_at:ts! principal:num! channel:text! "
    "customer_type:text! product_line:text! closed_at:ts charged_off_at:ts disputed_from:ts disputed_to:ts",
    "instalments": "account_id:id*! instalment_no:int*! due_date:date! due_amount:num!",
    "repayments": "@csv repayment_id:id*! account_id:id! posted_at:ts! amount:num!",
    "dpd_snapshots": "account_id:id*! snapshot_date:date*! days_past_due:int!",
    "scores": "application_id:id*! model_version:text*! scored_at:ts! score:num! expected_pd:num "
    "is_development_sample:bool",
    "fraud_flags": "account_id:id*! flagged_at:ts*! level:text!",
    "collection_contacts": "contact_id:id*! account_id:id! contacted_at:ts! channel:text! reached:bool!",
    "promises_to_pay": "@bom promise_id:id*! account_id:id! promised_at:ts! due_date:date! amount:num!",
    "policy_decisions": "application_id:id*! policy_id:text*! decided_at:ts! required_action:text! applied:bool!",
    "policy_changes": "@csv policy_id:text*! announced_at:ts*! fully_effective_at:ts",
    "score_bands": "@csv model_version:text*! band:text*! lower_bound:num upper_bound:num",
}


@dataclass(frozen=True)
class TableContract:
    """One raw table: its columns, keys, required columns and how the demonstration lands it."""

    domain: str
    name: str
    schema: pa.Schema
    keys: tuple[str, ...]
    required: tuple[str, ...]
    csv: bool
    bom: bool


def _parse(domain: str, name: str, text: str) -> TableContract:
    words = text.split()
    marks = {w for w in words if w.startswith("@")}
    fields, keys, required = [], [], []
    for word in words:
        if word in marks:
            continue
        column, kind = word.split(":")
        if "*" in kind:
            keys.append(column)
        if "!" in kind:
            required.append(column)
        fields.append(pa.field(column, _TYPES[kind.strip("*!")]))
    fields.append(pa.field("_loaded_at", pa.timestamp("us")))
    return TableContract(domain, name, pa.schema(fields), tuple(keys), tuple(required), bool(marks), "@bom" in marks)


TABLES: dict[str, dict[str, TableContract]] = {
    domain: {name: _parse(domain, name, text) for name, text in tables.items()}
    for domain, tables in (
        ("ecommerce", _ECOMMERCE),
        ("manufacturing", _MANUFACTURING),
        ("credit", _CREDIT),
    )
}
DOMAINS: tuple[str, ...] = tuple(TABLES)
