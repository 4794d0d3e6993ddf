"""Governance of the metric dictionary: explaining numbers, alerts, change control and documents."""
