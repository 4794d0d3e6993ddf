"""UCI "default of credit card clients" -> `credit.accounts`, `credit.dpd_snapshots`.

Mapping, and why:

- The set says how many months each account was late in April ... September 2005 (PAY_6 ... PAY_2, PAY_0).
  Each becomes the lender's own count at the end of that month: n months late is 30n - 15 days, the middle
  of its month, so that 1 falls in 1-29, 2 in 30-59, 3 in 60-89 and more in 90+. Zero and less (paid,
  revolving, no use) is 0 days.
- The booking date is not in the set, but an account needs one. All are booked on 31 March 2005, the day
  before the first month, and the credit limit stands for the principal. Vintages by booking month mean
  nothing here.
- A snapshot is a date and not a time of something that happened, so the default data horizon would be the
  booking day: build with the printed `--as-of` (midnight of 1 October 2005 in Taipei, where the bank is;
  its clock is that of the default business time zone).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kpi_warehouse.adapters.base import UNKNOWN, Adapter, Reading, find_file, parse_numbers, read_text, reject

_TABLE = "UCI_Credit_Card"
#: Column -> the month at whose end it was counted.
_MONTHS = {
    "PAY_6": "2005-04",
    "PAY_5": "2005-05",
    "PAY_4": "2005-06",
    "PAY_3": "2005-07",
    "PAY_2": "2005-08",
    "PAY_0": "2005-09",
}
_COLUMNS = ("ID", "LIMIT_BAL", *_MONTHS)
_READS = "UCI_Credit_Card.csv (or .csv.gz), columns " + ", ".join(_COLUMNS)
_BOOKED_AT = pd.Timestamp("2005-03-31 04:00")  # noon in Taipei
_AS_OF = "2005-09-30 16:00:00"


def read(source: Path) -> Reading:
    """Maps the accounts; see the module's docstring.

    Raises:
        LandError: Not the set, or a value that is no such number.
    """
    path = find_file(source, ("UCI_Credit_Card.csv*", "*.csv", "*.csv.gz"), _READS)
    rows = read_text(path, _TABLE, _COLUMNS)
    ids = parse_numbers(rows, _TABLE, "ID", whole=True).astype(str)
    reject(rows, ids.duplicated(), _TABLE, "ID", "account {} is there twice", "Keep one row per account")
    months = pd.DataFrame({column: parse_numbers(rows, _TABLE, column, whole=True) for column in _MONTHS})
    for column in _MONTHS:
        reject(rows, months[column] < -2, _TABLE, column, "{} is no status", "Statuses are whole, -2 or more")
    accounts = pd.DataFrame(
        {
            "account_id": ids,
            "customer_id": ids,
            "booked_at": _BOOKED_AT,
            "principal": parse_numbers(rows, _TABLE, "LIMIT_BAL"),
            "channel": UNKNOWN,
            "customer_type": UNKNOWN,
            "product_line": "credit_card",
        }
    )
    snapshots = pd.concat(
        pd.DataFrame(
            {
                "account_id": ids,
                "snapshot_date": pd.Period(month).end_time.normalize(),
                "days_past_due": (months[column] * 30 - 15).clip(lower=0),
            }
        )
        for column, month in _MONTHS.items()
    )
    late = int((months["PAY_0"] >= 2).sum())
    notes = (f"{len(accounts):,} accounts at 6 month ends; {late:,} of them 30 days or more late in September",)
    return Reading({"accounts": accounts, "dpd_snapshots": snapshots}, notes, as_of=_AS_OF)


ADAPTER = Adapter(
    name="uci",
    domain="credit",
    title="UCI default of credit card clients: 30,000 accounts, April to September 2005",
    reads=_READS,
    read=read,
    tables=("accounts", "dpd_snapshots"),
    filled={
        "accounts.customer_id": "the account's own id",
        "accounts.booked_at": "31 March 2005 for all (the set has no booking dates)",
        "accounts.principal": "the credit limit",
        "accounts.channel, customer_type": "`unknown`",
        "accounts.product_line": "credit_card",
        "dpd_snapshots.days_past_due": "30n - 15 for n months late",
    },
    left={
        "BILL_AMT*, PAY_AMT*": "statements and payments of a revolving account are no instalments",
        "default.payment.next.month": "an outcome after the last snapshot, without a number of days",
        "SEX, EDUCATION, MARRIAGE, AGE": "personal, and used by no KPI",
    },
    kpis=("cr_dpd30_rate", "cr_active_accounts", "cr_roll_rate_1_29_to_30"),
    kpis_with_care={
        "fct_migration_matrix": "month ends April to September",
        "cr_vintage_mob3_dpd30_rate": "one vintage, March 2005, because of the stand-in booking date: no use",
        "cr_cure_rate_1_29": "the set knows month ends only: no use",
        "day and week rows": "hold the last month end's count",
    },
    kpis_left_out={
        "cr_fpd7_rate, cr_fpd30_rate, cr_dpd1_rate_*, cr_d1_contact_rate": "no instalments",
        "cr_ptp_kept_rate, cr_fraud_share_of_dpd30": "no promises, no fraud flags",
        "cr_att_* and all other KPIs of applications": "no applications",
        "cr_psi, cr_ks, cr_auc, cr_calibration_deviation": "no scores",
    },
)
