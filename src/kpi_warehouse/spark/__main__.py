"""dbt on Spark in one process: `python -m kpi_warehouse.spark --raw-root data/raw -- build`.

Starts a session, registers the landed files, runs dbt with what follows `--` and writes the built tables to files.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from kpi_warehouse.spark.register import export_tables, register_raw
from kpi_warehouse.spark.session import default_root, spark_session


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Command line; that of the process if none is given.

    Returns:
        Exit code: 0 if dbt succeeded.
    """
    parser = argparse.ArgumentParser(prog="python -m kpi_warehouse.spark", description=__doc__)
    parser.add_argument("--raw-root", type=Path, help="folder of landed files to register (none: tables are there)")
    parser.add_argument("--root", type=Path, help="scratch folder (default: $KPI_SPARK_ROOT or .spark)")
    parser.add_argument("--persistent", action="store_true", help="keep the tables for other processes (slower)")
    parser.add_argument("--memory", default="2g", help="heap of the Java process (default: 2g)")
    parser.add_argument("--export", type=Path, help="folder for the built tables as Parquet")
    parser.add_argument("--schemas", default="marts", help="schemas to export, comma-separated (default: marts)")
    parser.add_argument("dbt", nargs="*", help="dbt command and options, after --")
    options = parser.parse_args(arguments)
    root = (options.root or default_root()).resolve()

    started = time.monotonic()
    with spark_session(root, persistent=options.persistent, memory=options.memory) as session:
        if options.raw_root:
            rows = register_raw(session, options.raw_root, root / "raw")
            print(f"Registered {len(rows)} raw tables after {time.monotonic() - started:.0f} s")
        succeeded = True
        if options.dbt:
            from dbt.cli.main import dbtRunner

            succeeded = dbtRunner().invoke([*options.dbt, "--target", "spark"]).success
        if options.export:
            written = export_tables(session, options.schemas.split(","), options.export)
            print(f"Exported {len(written)} tables after {time.monotonic() - started:.0f} s")
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
