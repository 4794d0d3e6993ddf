"""Demonstration data: the raw input contract of all three domains, deterministic by seed."""

from kpi_warehouse.demo.build import DemoSummary, generate

__all__ = ["DemoSummary", "generate"]
