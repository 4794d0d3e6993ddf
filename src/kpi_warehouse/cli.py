"""The command line: `kpi --help`."""

from __future__ import annotations

import importlib

import click

#: Subcommands by name: the module and the click command in it. Imported only when called, so that
#: `kpi --help` stays quick.
COMMANDS = {
    "ack": ("kpi_warehouse.governance.alerts", "ack_command", "Acknowledge an alert."),
    "alerts": ("kpi_warehouse.governance.alerts", "alerts_command", "List what fired: the log of alerts."),
    "approve": ("kpi_warehouse.governance.change", "approve_command", "Record an approval of a proposed version."),
    "baseline": ("kpi_warehouse.governance.baseline", "baseline_command", "Keep a measured value as a baseline."),
    "build": ("kpi_warehouse.build", "build", "Build the warehouse, check it and publish it."),
    "check": ("kpi_warehouse.governance.check", "check_command", "Check the dictionary before a build."),
    "demo": ("kpi_warehouse.demo.command", "demo", "Write the demonstration data."),
    "document": ("kpi_warehouse.governance.document", "document_command", "Write the KPI system document."),
    "effect": ("kpi_warehouse.governance.change", "effect_command", "Work out what a change does to the numbers."),
    "explain": ("kpi_warehouse.governance.explain", "explain_command", "Explain a number."),
    "incidents": (
        "kpi_warehouse.governance.incident_command",
        "incidents_command",
        "List the open incidents, take them on, close them.",
    ),
    "land": ("kpi_warehouse.adapters.command", "land", "Map a data set to the input contract."),
    "lineage": ("kpi_warehouse.governance.column_lineage", "lineage_command", "Show what a column is made of."),
    "new": ("kpi_warehouse.governance.scaffold", "new_command", "Scaffold a KPI or a domain."),
    "notify": ("kpi_warehouse.governance.notify", "notify_command", "Tell owners of incidents, one message each."),
    "osi": ("kpi_warehouse.governance.osi", "osi_command", "Write the semantic layer for other tools (OSI)."),
    "propose": ("kpi_warehouse.governance.change", "propose_command", "Propose a new version of a KPI."),
    "publish": ("kpi_warehouse.publish", "publish_command", "Publish a built warehouse after its gate."),
    "published": ("kpi_warehouse.governance.history", "published_command", "Reproduce what was published."),
    "release": ("kpi_warehouse.governance.change", "release_command", "Release an approved version."),
    "retire": ("kpi_warehouse.governance.change", "retire_command", "Retire a superseded version."),
    "smart": ("kpi_warehouse.governance.document", "smart_command", "Name the KPIs that are not yet SMART."),
    "verify": (
        "kpi_warehouse.governance.verify",
        "verify_command",
        "Compare the published file and the ledger with what was published.",
    ),
    "quality": (
        "kpi_warehouse.quality.command",
        "quality_command",
        "Check a built warehouse, print quality reports and issues.",
    ),
    "sync": ("kpi_warehouse.sync", "sync_command", "Bring written models in step with their declarations."),
}


class LazyGroup(click.Group):
    """A click group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the subcommands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand `cmd_name`, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kpi-warehouse")
def main() -> None:
    """KPI Warehouse: from raw events to governed, versioned KPIs."""


if __name__ == "__main__":
    main()
