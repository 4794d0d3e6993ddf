"""A local Spark session whose settings fit the warehouse.

All settings lie in one `spark-defaults.conf` under a scratch folder, so that this process and any other one that
starts with `environment(root)` (plain `dbt build --target spark`) see the same Spark. Needs the packages of
`requirements-spark.in` and Java 17 or newer.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT_VARIABLE = "KPI_SPARK_ROOT"
"""Environment variable with the scratch folder (default `.spark` in the current folder)."""

_LOG_SETTINGS = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
"""


def default_root() -> Path:
    """The scratch folder that the environment names, else `.spark`."""
    return Path(os.environ.get(ROOT_VARIABLE, ".spark")).resolve()


def settings(root: Path, *, persistent: bool = False, memory: str = "2g") -> dict[str, str]:
    """The Spark settings of the warehouse.

    Times are UTC in every session, and ANSI mode is on because DuckDB is strict too: a cast that fails stops the
    build on both engines. Code generation, adaptive plans and the optimising compiler are off: they cost more than
    they gain on many small queries.

    Args:
        root: Scratch folder for tables, catalogue and temporary files.
        persistent: Keep the catalogue in a Hive metastore on disk, so that another process finds the tables again.
            Otherwise it lives in memory and ends with the process, which starts a minute faster.
        memory: Heap of the Java process, as Java writes it.

    Returns:
        Setting name to value.
    """
    java = f'-Duser.timezone=UTC -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dderby.system.home="{root}"'
    values = {
        "spark.master": "local[2]",
        "spark.driver.memory": memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": java,
        "spark.local.dir": str(root / "tmp"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.catalogImplementation": "hive" if persistent else "in-memory",
        "spark.sql.warehouse.dir": str(root / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_LTZ",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.sources.default": "parquet",
        "spark.sql.legacy.createHiveTableByDefault": "false",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    if persistent:
        database = root / "metastore"
        values["spark.hadoop.javax.jdo.option.ConnectionURL"] = f"jdbc:derby:;databaseName={database};create=true"
    return values


def environment(root: Path | None = None) -> dict[str, str]:
    """The environment variables with which another process starts the same Spark.

    Args:
        root: Scratch folder on which `prepare` was called; the default one if none is given.

    Returns:
        Variables to add to the process's environment.
    """
    root = (root or default_root()).resolve()
    return {ROOT_VARIABLE: str(root), "SPARK_CONF_DIR": str(root / "conf"), "SPARK_LOCAL_IP": "127.0.0.1"}


def prepare(root: Path | None = None, *, persistent: bool = False, memory: str = "2g") -> Path:
    """Write the settings into `root/conf`. A warehouse without a lasting catalogue is emptied first.

    Args:
        root: Scratch folder, created if need be; the default one if none is given.
        persistent: As in `settings`.
        memory: As in `settings`.

    Returns:
        The scratch folder as an absolute path.
    """
    root = (root or default_root()).resolve()
    if not persistent:
        # Spark refuses to create a table where files of a forgotten one lie.
        shutil.rmtree(root / "warehouse", ignore_errors=True)
    conf = root / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} {value}" for name, value in settings(root, persistent=persistent, memory=memory).items()]
    (conf / "spark-defaults.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (conf / "log4j2.properties").write_text(_LOG_SETTINGS, encoding="utf-8")
    return root


@contextmanager
def spark_session(root: Path | None = None, *, persistent: bool = False, memory: str = "2g") -> Iterator[SparkSession]:
    """Start a session in this process and stop it at the end. dbt run in this process uses the same one.

    Args:
        root: Scratch folder; the default one if none is given.
        persistent: As in `settings`.
        memory: As in `settings`.

    Yields:
        The session.

    Raises:
        ModuleNotFoundError: If pyspark is not installed.
    """
    root = prepare(root, persistent=persistent, memory=memory)
    os.environ.update(environment(root))
    from pyspark.sql import SparkSession

    session = SparkSession.builder.appName("kpi_warehouse").getOrCreate()
    # dbt reports what fails; pyspark would print the whole plan of it as well
    logging.getLogger("SQLQueryContextLogger").disabled = True
    try:
        yield session
    finally:
        session.stop()
