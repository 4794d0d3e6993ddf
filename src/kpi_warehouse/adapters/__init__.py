"""Adapters: public data sets mapped to the input contract, and the pattern for mapping one's own."""

from __future__ import annotations

from kpi_warehouse.adapters import bpi2012, cdnow, maven, production4tu, snowplow, uci
from kpi_warehouse.adapters.base import Adapter, LandError, LandReport, Reading

#: The adapters by the name that `kpi land` takes.
ADAPTERS: dict[str, Adapter] = {
    module.ADAPTER.name: module.ADAPTER for module in (bpi2012, cdnow, maven, production4tu, snowplow, uci)
}

__all__ = ["ADAPTERS", "Adapter", "LandError", "LandReport", "Reading"]
