"""A whole build of the demonstration: published, accounted for, and with every unit test of the SQL."""

from __future__ import annotations

import shutil
from pathlib import Path

from .conftest import Built, run_dbt


def test_dbt_unit_tests(demo: Built, tmp_path: Path) -> None:
    """Every boundary of every KPI version (they mock their inputs; the warehouse only lends column types)."""
    # dbt locks the warehouse and writes the manifest; other workers read those of the demonstration
    warehouse, target = tmp_path / demo.warehouse.name, tmp_path / "target"
    shutil.copyfile(demo.warehouse, warehouse)
    target.mkdir()
    shutil.copy(Path(demo.environment["DBT_TARGET_PATH"]) / "partial_parse.msgpack", target)
    settings = {**demo.environment, "KPI_WAREHOUSE": str(warehouse), "DBT_TARGET_PATH": str(target)}
    done = run_dbt("test", "--select", "test_type:unit", **settings)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "PASS=" in done.stdout


def test_the_last_line_names_the_file_and_the_red_kpis(demo: Built) -> None:
    last = demo.output.strip().splitlines()[-1]
    assert str(demo.published) in last.replace(" ", "") or demo.published.name in last
    red = {
        kpi_id
        for (kpi_id,) in demo.rows(
            """select kpi_id from marts.kpi_scorecard
            where dimension = 'all' and status in ('green', 'amber', 'red')
                and period_grain in ('month', 'cohort_month', 'quarter')
            qualify row_number() over (partition by kpi_id order by period_start desc, period_grain) = 1
                and status = 'red'""",
            published=True,
        )
    }
    assert red, "the demonstration has red KPIs"
    assert all(kpi_id in last.replace(" ", "") for kpi_id in red)


def test_every_raw_row_is_accounted_for(demo: Built) -> None:
    rows = demo.rows(
        "select table_name, rows_read, rows_accepted + rows_deduplicated + rows_quarantined from marts.dq_reconciliation"
    )
    assert sum(read for _, read, _ in rows) > 50_000
    assert [row for row in rows if row[1] != row[2]] == []
    assert demo.rows("select count(*) from marts.dq_quarantine")[0][0] == sum(
        quarantined for (quarantined,) in demo.rows("select rows_quarantined from marts.dq_reconciliation")
    )


def test_what_the_traffic_filter_left_out_is_counted(demo: Built) -> None:
    """Accepted rows of the contract = events that count + events refused, by reason, in the published results."""
    refused = dict(
        demo.rows(
            """select split_part(check_id, '.', 5), failed_rows from marts.dq_results
            where kind = 'traffic_filter' and domain = 'ecommerce' and "table" = 'events'""",
            published=True,
        )
    )
    assert set(refused) >= {"bot", "test", "unknown_event"}
    ((accepted,),) = demo.rows("select rows_accepted from marts.dq_reconciliation where table_name = 'events'")
    ((counted,),) = demo.rows("select count(*) from intermediate.int_ecommerce__events")
    assert counted + sum(refused.values()) == accepted


def test_every_released_kpi_has_values(demo: Built) -> None:
    missing = demo.rows(
        """select dictionary.kpi_id, dictionary.version from marts.metric_dictionary as dictionary
        left join (select distinct kpi_id, version from marts.kpi_values) as published using (kpi_id, version)
        where dictionary.status in ('parallel', 'active') and published.kpi_id is null"""
    )
    assert missing == []


def test_slices_of_additive_kpis_add_up_to_all(demo: Built) -> None:
    """Unknown members are kept: the slices of one dimension add up to the whole."""
    wrong = demo.rows(
        """with sliced as (
            select kpi_id, version, period_grain, period_start, dimension, sum(value) as total
            from marts.kpi_values
            where (kpi_id, dimension) in (
                ('ec_gmv', 'platform'), ('cr_applications', 'channel'), ('cr_applications', 'customer_type'),
                ('mf_output_units', 'line'), ('mf_microstop_count', 'line'), ('mf_microstop_minutes', 'machine'))
            group by all
        )
        select sliced.* from sliced inner join marts.kpi_values as whole using (kpi_id, version, period_grain, period_start)
        where whole.dimension = 'all' and abs(sliced.total - whole.value) > 1e-6 * greatest(abs(whole.value), 1)"""
    )
    assert wrong == []


def test_incidents_of_the_story_raise_their_alerts(demo: Built) -> None:
    rules = {rule for (rule,) in demo.rows("select distinct rule_id from marts.kpi_alerts")}
    assert any(rule.startswith("ec_") for rule in rules)
    assert any(rule.startswith("mf_") for rule in rules)
    assert any(rule.startswith("cr_") for rule in rules)


def test_every_stop_without_a_code_that_cost_planned_time_has_its_alert(demo: Built) -> None:
    """From the first day of the programme on."""
    alerts = demo.rows(
        "select dimension_value, observed_value from marts.kpi_alerts where rule_id = 'mf_al_uncoded_stop' order by 1"
    )
    stops = demo.rows(
        """select machine_id || '+' || cast(stop_starts_at as varchar), uncoded_seconds / 60.0 from marts.fct_stops
        where needs_code_reminder and seconds_in_ppt > 0 and production_date >= date '2026-04-01' order by 1"""
    )
    assert alerts == stops and len(alerts) > 10
