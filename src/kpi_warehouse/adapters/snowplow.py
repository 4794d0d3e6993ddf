"""Snowplow e-commerce events -> `ecommerce.events`, `ecommerce.orders`.

Mapping, and why:

- **Rows.** One contract event per source event. `event_id` is the event's fingerprint where it has one:
  copies of one event share it, so the warehouse removes and counts them itself. Events of the app `skip-me`
  are left out, as the publisher filters them.
- **Time** is `derived_tstamp`, the publisher's corrected device time. Its tables are by UTC day: build in
  UTC.
- **Person.** `user_id` is `domain_userid` (the browser), or for mobile events the user of the client
  session. The shop's own user (`U12345` in the user context) is one test login over many browsers and is
  left out: it would make them one person. So every person is a user, and `ec_identity_match_rate` reads 1.
- **Sessions** are not landed: the contract's 30 minutes between events of a person give the publisher's 63.
- **Event names**: see `_NAMES`. An action without a type is a hit on a page, the one thing it shows, and
  becomes `page_view`; without it 42 of the 63 sessions would have no event that the contract knows.
  `promo_*` and `refund` keep their names, which the contract keeps and ignores (the one refund names
  neither order nor amount).
- **Checkouts.** A checkout begins at the first step of a session, at a step that is not beyond the one
  before, and after a purchase. That step is `begin_checkout`; later steps keep the name `checkout_step` and
  are ignored. Its id is the publisher's session id and a running number, and the purchase that ends it
  bears it too.
- **Articles.** An event with one article carries its sku, category and price; one with several carries none
  of them, as the contract has one per event.
- **Orders** come from `transaction` actions (a transaction context alone, on the page after it, is none):
  `paid_amount` is the revenue, `gross_amount` is revenue less shipping and tax plus discount. A transaction
  sent twice is two rows of one `order_id`, of which the warehouse keeps one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_warehouse.adapters.base import Adapter, Reading, find_file, parse_times, read_text, reject

_TABLE = "snowplow_ecommerce_events"
_ECOMMERCE = "com_snowplowanalytics_snowplow_ecommerce_"
_ACTION = f"unstruct_event_{_ECOMMERCE}snowplow_ecommerce_action_1_0_0"
_PRODUCT = f"contexts_{_ECOMMERCE}product_1_0_0"
_STEP = f"contexts_{_ECOMMERCE}checkout_step_1_0_0"
_TRANSACTION = f"contexts_{_ECOMMERCE}transaction_1_0_0"
_PAGE = f"contexts_{_ECOMMERCE}page_1_0_0"
_MOBILE = "contexts_com_snowplowanalytics_snowplow_client_session_1_0_1"
_COLUMNS = (
    "app_id",
    "platform",
    "event_id",
    "event_fingerprint",
    "derived_tstamp",
    "domain_userid",
    "domain_sessionid",
    "page_url",
    "useragent",
    "user_ipaddress",
    _ACTION,
    _PRODUCT,
    _STEP,
    _TRANSACTION,
    _PAGE,
    _MOBILE,
)
_READS = "snowplow_ecommerce_events.csv (atomic events, contexts as JSON), in its folder or in source/"

#: Action type -> event name of the contract; others keep their own.
_NAMES = {
    "product_view": "view_item",
    "list_view": "view_item_list",
    "list_click": "select_item",
    "add_to_cart": "add_to_cart",
    "remove_from_cart": "remove_from_cart",
    "transaction": "purchase",
}
_SKIPPED_APP = "skip-me"


def read(source: Path) -> Reading:
    """Maps the atomic events; see the module's docstring.

    Raises:
        LandError: Not the events file, or a time, JSON context or transaction that cannot be read.
    """
    path = find_file(source, (f"{_TABLE}.csv*", f"source/{_TABLE}.csv*"), _READS)
    rows = read_text(path, _TABLE, _COLUMNS)
    skipped = rows["app_id"] == _SKIPPED_APP
    rows = rows[~skipped]
    actions = _contexts(rows, _ACTION)
    mobile = _contexts(rows, _MOBILE)
    products = _contexts(rows, _PRODUCT)
    one = products.map(lambda entries: entries[0] if len(entries) == 1 else {})
    work = pd.DataFrame(
        {
            "event_id": rows["event_fingerprint"].fillna(rows["event_id"]),
            "event_at": parse_times(rows, _TABLE, "derived_tstamp"),
            "user_id": rows["domain_userid"].fillna(_first(mobile, "userId")),
            "session": rows["domain_sessionid"].fillna(_first(mobile, "sessionId")),
            "action": _first(actions, "type"),
            "step": pd.to_numeric(_first(_contexts(rows, _STEP), "step")),
            "platform": rows["platform"].replace({"mob": "app"}),
            "page_type": _first(_contexts(rows, _PAGE), "type"),
            "page_url": rows["page_url"],
            "sku_id": one.map(lambda entry: entry.get("id")),
            "category_id": one.map(lambda entry: entry.get("category")),
            "price": pd.to_numeric(one.map(lambda entry: entry.get("price"))),
            "order_id": _first(_contexts(rows, _TRANSACTION), "transaction_id"),
            "user_agent": rows["useragent"],
            "ip": rows["user_ipaddress"],
        }
    )
    for column in ("user_id", "session"):
        reject(
            work,
            work[column].isna(),
            _TABLE,
            "domain_userid" if column == "user_id" else "domain_sessionid",
            "the event has neither a browser nor a mobile session",
            "Give it one, or take the row out",
        )
    purchases = work["action"] == "transaction"
    reject(
        work,
        purchases & work["order_id"].isna(),
        _TABLE,
        _TRANSACTION,
        "the transaction has no transaction_id",
        "Complete its context, or take the row out",
    )
    orders = _orders(rows[purchases], work[purchases])
    copies = int(work["event_id"].duplicated().sum())
    people, sessions = work["user_id"].nunique(), work["session"].nunique()
    single = orders.drop_duplicates("order_id")
    notes = (
        f"{len(work):,} events of {people} browsers in {sessions} sessions of the publisher",
        f"copies of events among them, which the warehouse removes: {copies}",
        f"events of the app {_SKIPPED_APP}, left out: {int(skipped.sum())}",
        f"{len(single)} orders, revenue {single['paid_amount'].sum():,.2f}",
        f"copies of orders, which the warehouse removes too: {len(orders) - len(single)}",
    )
    return Reading({"events": _events(work), "orders": orders}, notes)


def _contexts(rows: pd.DataFrame, column: str) -> pd.Series:
    """A JSON column as lists of dictionaries: `[]` where it is empty, one entry where it holds an object."""

    def parse(text: object) -> list[dict[str, Any]] | None:
        if not isinstance(text, str):
            return []
        try:
            value = json.loads(text)
        except ValueError:
            return None
        entries = value if isinstance(value, list) else [value]
        return entries if all(isinstance(entry, dict) for entry in entries) else None

    parsed = rows[column].map(parse)
    reject(rows, parsed.isna(), _TABLE, column, "{} is no JSON context", "Export the column as JSON")
    return parsed


def _first(contexts: pd.Series, key: str) -> pd.Series:
    """The value under `key` in the first entry of each context, or null."""
    return contexts.map(lambda entries: entries[0].get(key) if entries else None).astype(object)


def _events(work: pd.DataFrame) -> pd.DataFrame:
    """The contract's events."""
    names = work["action"].map(_NAMES).fillna(work["action"]).fillna("page_view")
    checkout, begins = _checkouts(work)
    purchases = work["action"] == "transaction"
    return work.assign(
        event_name=names.mask(begins, "begin_checkout"),
        checkout_id=checkout,
        order_id=work["order_id"].where(purchases, None),
    ).drop(columns=["session", "action", "step"])


def _checkouts(work: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The checkout of each checkout step and purchase (null elsewhere), and whether the event begins it.

    Both are aligned with `work`, whose rows may lie in any order.
    """
    ids = pd.Series(None, index=work.index, dtype=object)
    begins = pd.Series(False, index=work.index)
    relevant = work[work["action"].isin(["checkout_step", "transaction"])]
    for session, rows in relevant.sort_values(["event_at", "event_id"]).groupby("session"):
        count, last_step = 0, None
        for row in rows.itertuples():
            if row.action == "transaction":
                if last_step is not None:
                    ids[row.Index] = f"{session}-{count}"
                last_step = None
                continue
            if last_step is None or not row.step > last_step:
                count += 1
                begins[row.Index] = True
            last_step = row.step
            ids[row.Index] = f"{session}-{count}"
    return ids, begins


def _orders(rows: pd.DataFrame, work: pd.DataFrame) -> pd.DataFrame:
    """One order per transaction action (a copy included)."""
    contexts = _contexts(rows, _TRANSACTION)

    def amount(key: str) -> pd.Series:
        return pd.to_numeric(_first(contexts, key), errors="coerce")

    revenue = amount("revenue")
    reject(
        rows,
        revenue.isna(),
        _TABLE,
        _TRANSACTION,
        "the transaction has no readable revenue",
        "Complete its context, or take the row out",
    )
    discount = amount("discount_amount")
    return pd.DataFrame(
        {
            "order_id": work["order_id"],
            "user_id": work["user_id"],
            "created_at": work["event_at"],
            "paid_at": work["event_at"],
            "platform": work["platform"],
            "gross_amount": revenue - amount("shipping").fillna(0) - amount("tax").fillna(0) + discount.fillna(0),
            "discount_amount": discount,
            "paid_amount": revenue,
        }
    )


ADAPTER = Adapter(
    name="snowplow",
    domain="ecommerce",
    title="Snowplow e-commerce: 834 shop events of 63 sessions, 2022-10 to 2022-12",
    reads=_READS,
    read=read,
    tables=("events", "orders"),
    filled={
        "events.user_id, orders.user_id": "the browser's id, or the user of the mobile client session",
        "events.event_name": "`page_view` where the action has no type",
        "orders.created_at": "the time of the transaction",
        "orders.gross_amount": "revenue less shipping and tax, plus discount",
    },
    left={
        "user context": "one test login over many browsers, which it would make one person",
        "order lines": "the transactions name articles but no quantities",
        "the refund": "it names neither order nor amount (its event keeps its name and is ignored)",
        "cart contexts, geography": "the contract has no place for them",
    },
    kpis=(
        "ec_cvr",
        "ec_pdp_atc_rate",
        "ec_atc_checkout_rate",
        "ec_checkout_paid_rate",
        "ec_gmv",
        "ec_aov",
        "ec_repurchase_rate_30d",
        "ec_repurchase_rate_60d",
        "ec_repurchase_rate_90d",
        "ec_repeat_gmv_share",
        "ec_ttp_median_days",
        "ec_page_crash_rate",
        "ec_identity_match_rate",
    ),
    kpis_with_care={
        "ec_identity_match_rate": "reads 1: every browser serves as a user",
        "ec_page_crash_rate": "reads 0: the set does not record errors",
    },
    kpis_left_out={
        "ec_fast_first_screen_share": "no latencies",
        "ec_search_success_rate": "no searches",
        "ec_key_category_cvr, ec_key_sku_*": "no key categories, articles or stock",
        "ec_payment_failure_rate, ec_refund_rate, ec_gross_margin_rate": "not recorded",
        "ec_member_*, ec_message_*, ec_winback_*": "not recorded",
        "ec_mta_coverage_rate, ec_event_completeness, ec_dashboard_latency_minutes": "not recorded",
    },
    time_zone="UTC",
)
