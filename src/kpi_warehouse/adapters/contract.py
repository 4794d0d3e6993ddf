"""The tables of the input contract that the adapters write, column by column.

The notation is that of the contract: `name* type!`, `*` = part of the key, `!` = required. Types: `ts` (UTC),
`timestamp` (local wall clock), `date`, `id`, `text`, `num`, `int`, `bool`.
"""

from __future__ import annotations

from dataclasses import dataclass

#: "<domain>.<table>" -> its columns.
_TABLES = {
    "ecommerce.events": """
        event_id* id!, event_name text!, event_at ts!, user_id id, device_id id, cookie_id id,
        phone_hash id, fingerprint_id id, platform text, entry text, page_type text, page_url text, sku_id id,
        category_id id, price num, stock int, quantity int, promo_id id, order_id id, checkout_id id,
        search_id id, latency_ms num,
        utm_source text, utm_medium text, utm_campaign text, utm_content text, slot_id id, impression_id id,
        user_agent text, ip text, is_test bool""",
    "ecommerce.orders": """
        order_id* id!, user_id id!, created_at ts!, paid_at ts, platform text, entry text, campaign_id id,
        gross_amount num!, discount_amount num, paid_amount num!, cost_amount num, is_test bool""",
    "manufacturing.work_orders": """
        work_order_id* id!, line_id text!, product_id id!, product_family text!, planned_qty int,
        released_at ts!""",
    "manufacturing.unit_operations": """
        operation_id* id!, unit_id id!, work_order_id id!, station_id text!, machine_id text, entered_at ts!,
        completed_at ts, is_rework bool""",
    "manufacturing.rework_orders": """
        rework_id* id!, unit_id id!, station_id text!, opened_at ts!, closed_at ts, defect_code text,
        reinspected bool""",
    "manufacturing.scrap_reports": """
        scrap_id* id!, unit_id id!, station_id text!, scrapped_at ts!, quantity int, defect_code text""",
    "manufacturing.machine_states": """
        state_id* id!, machine_id text!, started_at ts!, ended_at ts, state text!, reason_code text,
        reason_coded_at ts, fault_code text""",
    "manufacturing.counter_readings": """
        machine_id* text!, read_at* ts!, total_count int!, good_count int, product_id id""",
    "manufacturing.shift_calendar": """
        line_id* text!, production_date* date!, shift_name* text!, starts_at timestamp!, ends_at timestamp!,
        time_zone text!""",
    "manufacturing.machines": "machine_id* id!, station_id text!, line_id text!",
    "manufacturing.routings": """
        product_family* text!, step_no* int!, station_id text!, is_final_station bool!,
        inspection_required bool!, scan_node text, scan_required bool""",
    "manufacturing.ideal_cycle_times": """
        product_family* text!, machine_id* id!, seconds_per_piece num!, valid_from* date!, valid_to date""",
    "manufacturing.downtime_reasons": "reason_code* text!, level1 text!, level2 text, level3 text",
    "credit.applications": """
        application_id* id!, customer_id id!, submitted_at ts!, channel text!, customer_type text!,
        product_line text!, device_fingerprint id, is_duplicate bool, requested_amount num""",
    "credit.application_events": """
        event_id* id!, application_id id!, event_name text!, event_at ts!, node text, actor text,
        outcome text, reason text, rule_version text""",
    "credit.accounts": """
        account_id* id!, application_id id, customer_id id!, booked_at ts!, principal num!, channel text!,
        customer_type text!, product_line text!, closed_at ts, charged_off_at ts, disputed_from ts,
        disputed_to ts""",
    "credit.dpd_snapshots": "account_id* id!, snapshot_date* date!, days_past_due int!",
}


@dataclass(frozen=True)
class Column:
    """One column of a contract table."""

    name: str
    type: str
    key: bool
    required: bool


def columns(domain: str, table: str) -> tuple[Column, ...]:
    """The columns of a contract table, in the contract's order.

    Raises:
        KeyError: The table is not among those that adapters write.
    """
    parsed = []
    for part in _TABLES[f"{domain}.{table}"].split(","):
        name, type_ = part.split()
        parsed.append(Column(name.rstrip("*"), type_.rstrip("!"), name.endswith("*"), type_.endswith("!")))
    return tuple(parsed)


def table_names() -> tuple[tuple[str, str], ...]:
    """All (domain, table) pairs known here."""
    return tuple((name.split(".")[0], name.split(".")[1]) for name in _TABLES)
