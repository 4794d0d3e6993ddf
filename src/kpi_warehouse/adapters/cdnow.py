"""CDNOW: purchases of 1997 and early 1998 -> `ecommerce.orders`.

Mapping, and why:

- One order per line. 255 lines equal another: they are repeat purchases of one customer on one day for one
  price, not copies, so `order_id` is the line number and all of them stay.
- The set gives dates, no times. Every order is created and paid at noon UTC of its date, which is the same
  calendar date in every time zone from UTC-12 to UTC+11, the default Asia/Shanghai (20:00) among them.
- Orders of one person paid at the same instant are neither earlier nor later than each other. So several
  lines of one customer on one day are several valid orders (GMV, CVR) but no repurchase: the set cannot say
  which came first, and no order is invented. A later *date* is a repurchase, as the contract's 30/60/90-day
  rule by business dates has it.
- `dollar_value` is what was paid; no discount is recorded, so it is also the gross amount. The number of
  CDs is left out: the set names no article, and an order line needs one.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kpi_warehouse.adapters.base import Adapter, Reading, find_file, parse_numbers, parse_times, read_text

_COLUMNS = ("customer_id", "date", "number_of_cds", "dollar_value")
_TABLE = "CDNOW_master"
_READS = "CDNOW_master.txt (or .txt.gz), columns " + ", ".join(_COLUMNS) + " between spaces"


def read(source: Path) -> Reading:
    """Maps the purchase list; see the module's docstring.

    Raises:
        LandError: Not the purchase list, or a date or amount that cannot be read.
    """
    path = find_file(source, ("CDNOW_master.txt*", "*.txt", "*.txt.gz"), _READS)
    lines = read_text(path, _TABLE, _COLUMNS, sep=r"\s+")
    paid_at = parse_times(lines, _TABLE, "date", format="%Y%m%d") + pd.Timedelta(hours=12)
    dollars = parse_numbers(lines, _TABLE, "dollar_value")
    orders = pd.DataFrame(
        {
            "order_id": (lines.index + 1).astype(str),
            "user_id": lines["customer_id"],
            "created_at": paid_at,
            "paid_at": paid_at,
            "gross_amount": dollars,
            "paid_amount": dollars,
        }
    )
    repeats = int(lines[list(_COLUMNS)].duplicated().sum())
    notes = (
        f"{lines['customer_id'].nunique():,} customers, {dollars.sum():,.2f} dollars; "
        f"{repeats:,} lines equal to an earlier one kept as orders of their own",
    )
    return Reading({"orders": orders}, notes)


ADAPTER = Adapter(
    name="cdnow",
    domain="ecommerce",
    title="CDNOW: 69,659 purchases of 23,570 customers, 1997-01 to 1998-06",
    reads=_READS,
    read=read,
    tables=("orders",),
    filled={
        "orders.order_id": "the line's number in the file",
        "orders.created_at, paid_at": "noon UTC of the date (the set has no times)",
        "orders.gross_amount": "the amount paid (the set has no discounts)",
    },
    left={"number_of_cds": "an order line needs an article, and the set names none"},
    kpis=(
        "ec_repurchase_rate_30d",
        "ec_repurchase_rate_60d",
        "ec_repurchase_rate_90d",
        "ec_repeat_gmv_share",
        "ec_ttp_median_days",
        "ec_gmv",
        "ec_aov",
    ),
    kpis_with_care={
        "ec_repurchase_rate_*": "lines of a customer on one day are paid at one instant: no repurchase",
        "slices by platform, entry, member_status, category, delivery": "read `unknown`",
    },
    kpis_left_out={
        "ec_cvr and all other KPIs of events": "no events",
        "ec_gross_margin_rate": "no costs",
        "ec_refund_rate": "no refunds (nothing counts as refunded)",
        "ec_member_*": "no members",
    },
)
