"""The Snowplow shop events, landed by their adapter and built: the publisher's own figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Built, run_kpi, shared

pytestmark = pytest.mark.long

SET = ("data", "ecommerce_events_snowplow")


@pytest.fixture(scope="module")
def snowplow(tmp_path_factory: pytest.TempPathFactory, build_in: Callable[..., Built]) -> Built:
    """The e-commerce models on the set, in the publisher's time zone."""
    raw: Path = tmp_path_factory.mktemp("snowplow") / "raw"
    run_kpi("land", "snowplow", "--from", str(shared(*SET)), "--to", str(raw))
    selection = ("--select", "path:seeds", "path:models/staging/dictionary", "tag:ecommerce")
    return build_in("snowplow-build", raw, *selection, KPI_BUSINESS_TIMEZONE="UTC")


def test_sessions_reach_the_publishers_steps(snowplow: Built) -> None:
    (counts,) = snowplow.rows(
        """select
            count(*),
            count(*) filter (where item_views > 0),
            count(*) filter (where cart_additions > 0),
            count(*) filter (where checkouts_begun > 0),
            count(*) filter (where purchases > 0)
        from marts.fct_sessions"""
    )
    assert counts == (63, 20, 15, 11, 8)


def test_transactions_and_revenue(snowplow: Built) -> None:
    ((transactions, revenue),) = snowplow.rows("select count(*), sum(paid_amount) from marts.fct_orders")
    assert (transactions, float(revenue)) == (14, 1_466_094.89)
    ((gmv,),) = snowplow.rows(
        "select sum(value) from kpis.kpi_ec_order_value where kpi_id = 'ec_gmv' and period_grain = 'month' and dimension = 'all'"
    )
    assert round(gmv, 2) == 1_466_094.89


def test_every_source_event_is_accounted_for(snowplow: Built) -> None:
    """Rows of the publisher's file, less its own filter, are accepted, deduplicated or refused."""
    (source,) = shared(*SET, "source").glob("snowplow_ecommerce_events.csv*")
    rows = pd.read_csv(source, dtype=str)
    landed = int((rows["app_id"] != "skip-me").sum())
    ((read, kept),) = snowplow.rows(
        """select rows_read, rows_accepted + rows_deduplicated + rows_quarantined
        from staging.stg_ecommerce__reconciliation where table_name = 'events'"""
    )
    assert (read, kept) == (landed, landed)


def test_what_was_not_recorded_yields_no_rows(snowplow: Built) -> None:
    for model in ("fct_attribution", "fct_channel_return", "fct_stock_warnings", "dq_price_stock_consistency"):
        assert snowplow.rows(f"select count(*) from marts.{model}") == [(0,)], model
    ((buyers, without_cost),) = snowplow.rows(
        "select count(*), count(*) filter (where acquisition_cost is null and retention_cost is null) from marts.dim_buyers"
    )
    assert buyers == without_cost > 0
