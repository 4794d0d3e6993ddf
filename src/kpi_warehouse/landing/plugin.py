"""What dbt-duckdb loads (profiles.yml): the landing's functions, and the lock on the database.

Every connection of a build gets two functions, `kpi_landed_table` and `kpi_landed_files`, through which the macros ask
how landed files are read. After that DuckDB reaches no file but the warehouse, the raw root, the seeds and the folder
of files that were read row by row, and no statement can change this (`docs/decisions/0010-duckdb-runs-locked.md`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from kpi_warehouse.landing.files import LandingError
from kpi_warehouse.landing.plan import Landing, landing_of, sweep
from kpi_warehouse.output import clean
from kpi_warehouse.sql import literals

#: Settings that dbt-duckdb sets on each of its cursors, after the lock.
CURSOR_SETTINGS = ("TimeZone",)


def _project() -> Path:
    from dbt.flags import get_flags

    return Path(getattr(get_flags(), "PROJECT_DIR", None) or ".").resolve()


class Plugin(BasePlugin):
    """The landing and the lock of one warehouse."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Takes `raw_root` of the profile; empty: raw tables lie in schemas, and no file is read."""
        self.raw_root = str(plugin_config.get("raw_root") or "")
        self.warehouse = self.creds.path if self.creds else ":memory:"
        self.landing: Landing | None = landing_of(Path(self.raw_root), self.warehouse) if self.raw_root else None

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Adds the functions, then locks the database."""
        for name, function, arguments in (
            ("kpi_landed_table", self._table, ["VARCHAR"] * 4),
            ("kpi_landed_files", self._files, ["VARCHAR"]),
        ):
            conn.create_function(name, function, arguments, "VARCHAR", side_effects=True)  # type: ignore[arg-type]
        if self.warehouse != ":memory:":
            sweep(self.warehouse)
        folders = [_project() / "seeds"]
        if self.landing is not None:
            folders += [self.landing.root, self.landing.stage]
        lock(conn, folders)

    def _table(self, domain: str, table: str, columns: str, needed: str) -> str:
        if self.landing is None:
            return json.dumps({"found": False, "columns": [], "relation": ""})
        try:
            plan = self.landing.table(domain, table, json.loads(columns), json.loads(needed))
        except LandingError as error:
            return json.dumps({"error": str(error)})
        except (duckdb.Error, OSError) as error:
            return json.dumps({"error": f"{domain}/{table}: {clean(str(error))[:500]}"})
        return json.dumps(
            {"found": plan.found, "columns": plan.columns, "relation": plan.relation, "refused": plan.refused}
        )

    def _files(self, known: str) -> str:
        if self.landing is None:
            return "[]"
        return json.dumps(
            [
                {"domain": found.domain, "table_name": found.table, "name": clean(found.name), "reason": found.reason}
                for found in self.landing.findings(json.loads(known))
            ]
        )


def lock(conn: DuckDBPyConnection, folders: list[Path]) -> None:
    """Shuts a DuckDB instance off from every file but its own and those of some folders, for good.

    Args:
        conn: A connection; all others of the same instance are locked with it.
        folders: Folders whose files may be read.
    """
    conn.execute(f"set allowed_directories = {literals(f'{folder}/' for folder in folders)}")
    conn.execute(f"set allowed_configs = {literals(CURSOR_SETTINGS)}")
    conn.execute("set allow_community_extensions = false")
    conn.execute("set autoinstall_known_extensions = false")
    conn.execute("set enable_external_access = false")
    conn.execute("set lock_configuration = true")
