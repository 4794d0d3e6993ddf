"""The analyses of manufacturing: each runs on the demonstration data, and what must add up does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import ROOT, Built, run_dbt

NAMES = sorted(path.stem for path in (ROOT / "analyses" / "manufacturing").glob("*.sql"))


def query(built: Built, sql: str) -> pd.DataFrame:
    import duckdb

    with duckdb.connect(str(built.warehouse), read_only=True) as db:
        return db.execute(sql).df()


def run_analyses(built: Built, target: Path) -> dict[str, pd.DataFrame]:
    """Every analysis, compiled into `target` (workers share the build), and its rows."""
    settings = {**built.environment, "DBT_TARGET_PATH": str(target)}
    done = run_dbt("compile", "--select", "path:analyses/manufacturing", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    compiled = target / "compiled" / "kpi_warehouse" / "analyses" / "manufacturing"
    return {name: query(built, (compiled / f"{name}.sql").read_text(encoding="utf-8")) for name in NAMES}


@pytest.fixture(scope="module")
def analyses(demo: Built, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    return run_analyses(demo, tmp_path_factory.mktemp("analyses"))


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is_for(name: str) -> None:
    text = (ROOT / "analyses" / "manufacturing" / f"{name}.sql").read_text(encoding="utf-8")
    header = text[: text.index("*/")]
    assert header.startswith("/*\nQuestion ")
    assert "\nHow to read " in header
    assert "\nWhat to do " in header


def test_each_has_rows(analyses: dict[str, pd.DataFrame]) -> None:
    assert len(NAMES) >= 14
    assert [name for name, rows in analyses.items() if rows.empty] == []


def test_waterfall_adds_up(demo: Built, analyses: dict[str, pd.DataFrame]) -> None:
    """Each level less the losses below it is the next level, and the levels are those of the KPIs."""
    steps = analyses["oee_2_waterfall"]
    assert set(steps["line"]) > {"all"}
    for _, line in steps.groupby("line"):
        left = 0.0
        for step in line.sort_values("step_no").itertuples():
            if step.step == "shift":
                left = step.seconds
            elif step.kind == "loss":
                left -= step.seconds
            else:
                assert step.seconds == pytest.approx(left, abs=1e-3), step
    whole = steps[steps["line"] == "all"].set_index("step")["seconds"]
    ((run, planned),) = demo.rows(
        """select numerator, denominator from marts.kpi_values
        where kpi_id = 'mf_availability' and version = 1 and period_grain = 'month' and dimension = 'all' and is_final
        order by period_start desc limit 1"""
    )
    assert (whole["run"], whole["planned_production"]) == pytest.approx((run, planned))
    ((net_run,),) = demo.rows(
        """select numerator from marts.kpi_values
        where kpi_id = 'mf_performance' and version = 1 and period_grain = 'month' and dimension = 'all' and is_final
        order by period_start desc limit 1"""
    )
    assert whole["net_run"] == pytest.approx(net_run)


def test_factors_add_up_to_the_change(demo: Built, analyses: dict[str, pd.DataFrame]) -> None:
    factors = analyses["oee_1_three_factors"]
    for (version, line), parts in factors.groupby(["version", "line"]):
        assert sorted(parts["factor"]) == ["availability", "performance", "quality"]
        assert parts["contribution"].is_monotonic_increasing
        (month,), (before,) = set(parts["month_start"]), set(parts["month_before"])
        dimension = "all" if line == "all" else "line"
        value = dict(
            demo.rows(
                f"""select period_start, value from marts.kpi_values where kpi_id = 'mf_oee' and version = {version}
                and period_grain = 'month' and dimension = '{dimension}' and dimension_value = '{line}'"""
            )
        )
        assert parts["contribution"].sum() == pytest.approx(value[month] - value[before])


def test_shares_add_up(analyses: dict[str, pd.DataFrame]) -> None:
    assert analyses["fpy_1_which_station"]["share_of_lost"].sum() == pytest.approx(1)
    assert analyses["oee_3_largest_loss"]["share_of_lost_time"].sum() == pytest.approx(1)
    assert analyses["loss_recovery_ranking"]["share"].sum() == pytest.approx(1)
    assert analyses["loss_recovery_ranking"]["cumulative_share"].iloc[-1] == pytest.approx(1)
    defects = analyses["fpy_2_which_defect"]
    by_station = defects.groupby(["line_id", "station_id"])
    assert np.allclose(by_station["share"].sum(), 1)
    assert np.allclose(by_station["cumulative_share"].max(), 1)
    mix = analyses["product_mix_shift"]
    assert np.allclose(mix.groupby("month_start")["share"].sum(), 1)


def test_money_is_that_of_the_kpi(demo: Built, analyses: dict[str, pd.DataFrame]) -> None:
    ranking = analyses["loss_recovery_ranking"]
    ((month, cost),) = demo.rows(
        """select period_start, value from marts.kpi_values
        where kpi_id = 'mf_loss_cost' and period_grain = 'month' and dimension = 'all' and is_final
        order by period_start desc limit 1"""
    )
    assert set(ranking["month_start"]) == {pd.Timestamp(month)}
    assert ranking["lost_money"].sum() == pytest.approx(cost)
    assert ranking["lost_money"].is_monotonic_decreasing
    downtime = ranking[ranking["loss_category"] == "availability"]
    assert np.allclose(downtime["recovered_at_target"], 0.25 * downtime["lost_money"])


def test_batch_and_tooling_look_at_the_same_failures(analyses: dict[str, pd.DataFrame]) -> None:
    """Every factor splits the entries of its station, and the dispersion is Pearson's."""
    factors = analyses["fpy_4_batch_or_tooling"]
    for _, station in factors.groupby(["line_id", "station_id"]):
        assert set(station["factor"]) == {"work_order", "machine", "shift_name", "product_family"}
        assert station["entries"].nunique() == 1
        assert station["failures"].nunique() == 1
    assert factors.loc[factors["members"] == 1, "dispersion"].isna().all()
    lost = analyses["fpy_1_which_station"]["lost_units"].sum()
    assert factors.loc[factors["factor"] == "machine", "failures"].sum() == lost


def test_dispersion_by_pearson(demo: Built, analyses: dict[str, pd.DataFrame]) -> None:
    """The dispersion by shift of one station against the chi-square of its contingency table."""
    factors = analyses["fpy_4_batch_or_tooling"]
    row = factors[(factors["factor"] == "shift_name") & (factors["members"] > 1)].iloc[0]
    table = query(
        demo,
        f"""select shift_name, count(*) filter (where is_first_pass) as good, count(*) filter (where not is_first_pass) as bad
        from intermediate.int_manufacturing__station_entries
        where line_id = '{row.line_id}' and station_id = '{row.station_id}'
            and date_trunc('month', production_date) = '{row.month_start:%Y-%m-%d}'
        group by shift_name""",
    )[["good", "bad"]].to_numpy()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    chi_square = ((table - expected) ** 2 / expected).sum()
    assert row.dispersion == pytest.approx(chi_square / (len(table) - 1))


def test_mix_shift(demo: Built, analyses: dict[str, pd.DataFrame]) -> None:
    """Half the sum of absolute changes, worked out again by pandas; only closed months call for new targets."""
    mix = analyses["product_mix_shift"]
    units = query(demo, "select product_family, production_date from intermediate.int_manufacturing__units")
    month = pd.to_datetime(units["production_date"]).dt.to_period("M").dt.to_timestamp()
    shares = pd.crosstab(month, units["product_family"], normalize="index")
    moved = shares.diff().abs().sum(axis=1) / 2
    got = mix.groupby("month_start")["moved_since_month_before"].first().dropna()
    assert len(got) == len(moved) - 1
    assert np.allclose(got, moved.iloc[1:])
    baseline = shares[shares.index < "2026-04-01"].iloc[-1]
    against = (shares - baseline).abs().sum(axis=1) / 2
    assert np.allclose(mix.groupby("month_start")["moved_since_baseline"].first(), against)
    assert not mix.loc[~mix["is_closed"], "is_retarget"].any()
    closed = mix[mix["is_closed"]]
    assert (closed["is_retarget"] == (closed["moved_since_baseline"] > 0.2)).all()


def test_overdue_actions_are_red(demo: Built, analyses: dict[str, pd.DataFrame]) -> None:
    actions = analyses["overdue_capa"]
    (as_of,) = demo.rows("select as_of_utc from intermediate.int_manufacturing__as_of")[0]
    overdue = actions["closed_at"].isna() & (actions["due_at"] < pd.Timestamp(as_of))
    assert overdue.any()
    assert (overdue == (actions["light"] == "red")).all()
    assert (actions.loc[overdue, "days_overdue"] > 0).all()
    assert actions["light"].iloc[: overdue.sum()].eq("red").all()
    green = actions[actions["light"] == "green"]
    assert (green["closed_at"] <= green["due_at"]).all()
    assert green["effectiveness_verified"].all()
    ((raw,),) = demo.rows("select count(*) from staging.stg_manufacturing__capa_actions")
    assert len(actions) == raw


def test_station_curves_rise_by_the_gains(analyses: dict[str, pd.DataFrame]) -> None:
    curves = analyses["station_curves"].dropna(subset="baseline_fpy")
    assert curves["programme_month"].min() == 1
    assert np.allclose(curves["lower_curve"], np.minimum(1, curves["baseline_fpy"] + 0.005 * curves["programme_month"]))
    assert np.allclose(curves["upper_curve"], np.minimum(1, curves["baseline_fpy"] + 0.010 * curves["programme_month"]))
    assert (
        curves.loc[curves["place"] == "under", "station_fpy"] < curves.loc[curves["place"] == "under", "lower_curve"]
    ).all()


def test_hours_add_up_to_the_running_shift(demo: Built, analyses: dict[str, pd.DataFrame]) -> None:
    hours = analyses["running_shift_by_hour"]
    assert not hours["is_closed"].all()
    columns = ["ppt_seconds", "run_seconds", "pieces", "ideal_seconds", "completed_passes", "good_passes"]
    of_line = hours.groupby("line_id")
    for line, got in of_line[columns].sum().iterrows():
        date, shift = of_line[["production_date", "shift_name"]].first().loc[line]
        want = query(
            demo,
            f"""select sum(ppt_seconds), sum(run_seconds_v1), sum(pieces), sum(net_run_seconds), sum(completed_passes), sum(good_passes)
            from marts.fct_oee where line_id = '{line}' and production_date = '{date:%Y-%m-%d}' and shift_name = '{shift}'""",
        )
        assert got.to_numpy() == pytest.approx(want.to_numpy()[0], abs=1e-3), line
        units = demo.rows(
            f"""select count(*), count(*) filter (where is_first_pass) from marts.fct_unit_first_pass
            where line_id = '{line}' and production_date = '{date:%Y-%m-%d}' and shift_name = '{shift}'"""
        )[0]
        assert tuple(of_line[["finished_units", "first_pass_units"]].sum().loc[line]) == units
    assert (hours["minutes"] <= 60).all()


def test_first_hour_counts_every_completed_pass(demo: Built, analyses: dict[str, pd.DataFrame]) -> None:
    passes = analyses["first_hour_after_changeover"]
    assert {"quarter_1", "quarter_2", "quarter_3", "quarter_4", "later"} <= set(passes["time_since_changeover"])
    ((completed,),) = demo.rows(
        "select count(*) from intermediate.int_manufacturing__passes where completed_at is not null and machine_id is not null"
    )
    assert passes["completed_passes"].sum() == completed
    # the same by a plain join: the last changeover that ended by the completion
    ((in_first_hour,),) = demo.rows(
        """select count(*) from (
            select passes.operation_id, passes.completed_at, max(changeovers.first_good_at) as changed_at
            from intermediate.int_manufacturing__passes as passes
            inner join intermediate.int_manufacturing__changeovers as changeovers
                on passes.machine_id = changeovers.machine_id and changeovers.first_good_at <= passes.completed_at
            group by passes.operation_id, passes.completed_at
        ) where completed_at < changed_at + interval 60 minute"""
    )
    watched = passes["time_since_changeover"].str.startswith("quarter")
    assert passes.loc[watched, "completed_passes"].sum() == in_first_hour


def test_response_and_repair_are_the_time_of_mttr(demo: Built, analyses: dict[str, pd.DataFrame]) -> None:
    times = analyses["response_and_repair_time"]
    assert (times["without_arrival"] == 0).all()
    for month, of_month in times[times["line_id"] != "unknown"].groupby("month_start"):
        both = of_month["mean_response_minutes"] + of_month["mean_repair_minutes"]
        mean = (both * of_month["orders"]).sum() / of_month["orders"].sum()
        ((mttr,),) = demo.rows(
            f"""select sum(numerator) / sum(denominator) from marts.kpi_values where kpi_id = 'mf_mttr_minutes' and period_grain = 'month'
            and period_start = '{month:%Y-%m-%d}' and dimension = 'line' and dimension_value <> 'unknown'"""
        )
        assert mean == pytest.approx(mttr)


def test_capability_by_month_by_pandas(demo: Built) -> None:
    """Cpk from ranges of the subgroups of five (d2 = 2.326) and Ppk from the standard deviation, month by month of the line's clock."""
    rows = query(
        demo,
        """select measurements.*, timezone(lines.time_zone, timezone('UTC', measured_at)) as local_at, lower_limit, upper_limit
        from staging.stg_manufacturing__measurements as measurements
        inner join staging.stg_manufacturing__machines as machines using (machine_id)
        inner join intermediate.int_manufacturing__lines as lines using (line_id)
        inner join staging.stg_manufacturing__characteristic_specs as specs using (characteristic)""",
    )
    groups = rows.groupby(["characteristic", "machine_id", "subgroup_id"])
    ranges = pd.DataFrame(
        {
            "spread": groups["measured_value"].max() - groups["measured_value"].min(),
            "size": groups.size(),
            "month": groups["local_at"].min().dt.to_period("M").dt.to_timestamp(),
        }
    ).reset_index()
    assert set(ranges["size"]) == {5}
    got = query(demo, "select * from marts.fct_process_capability_monthly where machine_id <> 'all'")
    months = rows.groupby(["characteristic", "machine_id", rows["local_at"].dt.to_period("M").dt.to_timestamp()])
    assert len(got) == months.ngroups > 3
    for (characteristic, machine, month), part in months:
        inside = (
            (ranges["characteristic"] == characteristic)
            & (ranges["machine_id"] == machine)
            & (ranges["month"] == month)
        )
        within = ranges.loc[inside, "spread"].mean() / 2.326
        mean, overall = part["measured_value"].mean(), part["measured_value"].std()
        room = min(part["upper_limit"].iloc[0] - mean, mean - part["lower_limit"].iloc[0])
        key = (got["characteristic"] == characteristic) & (got["machine_id"] == machine) & (got["month_start"] == month)
        (row,) = got[key].itertuples()
        assert (row.measured_pieces, row.ranges) == (len(part), inside.sum())
        assert row.cpk == pytest.approx(room / (3 * within), rel=1e-4)
        assert row.ppk == pytest.approx(room / (3 * overall))


def test_correlation_of_capability_and_yield(analyses: dict[str, pd.DataFrame]) -> None:
    weeks = analyses["cpk_against_fpy"]
    assert (weeks["cpk"] <= weeks["cp"] + 1e-9).all()
    for _, series in weeks.groupby(["characteristic", "machine_id"]):
        assert len(series) == series["weeks"].iloc[0] > 2
        assert series["correlation"].iloc[0] == pytest.approx(np.corrcoef(series["cpk"], series["station_fpy"])[0, 1])


def test_quality_report_counts_what_the_marts_hold(demo: Built, analyses: dict[str, pd.DataFrame]) -> None:
    report = analyses["weekly_data_quality"].groupby("check_name")[["checked", "failed"]].sum()
    ((checked, failed),) = demo.rows(
        """select count(*) filter (where outcome <> 'not_observed'), count(*) filter (where outcome = 'not_running')
        from marts.dq_mes_device_match"""
    )
    assert tuple(report.loc["device_match"]) == (checked, failed)
    ((passes,),) = demo.rows("select count(*) from intermediate.int_manufacturing__passes")
    ((off_routing,),) = demo.rows("select count(*) from marts.dq_off_routing_passes")
    assert tuple(report.loc["in_routing"]) == (passes, off_routing)


def test_match_by_a_plain_join(demo: Built) -> None:
    """The match on one time axis against a join of each completion with every run of its machine."""
    ((differences,),) = demo.rows(
        """select count(*) from marts.dq_mes_device_match as matches
        where outcome <> 'not_observed' and (outcome = 'matched') <> exists (
            select 1 from intermediate.int_manufacturing__state_timeline as timeline
            where timeline.machine_id = matches.machine_id and timeline.state = 'running'
                and timeline.starts_at <= matches.completed_at + interval 60 second
                and timeline.ends_at >= matches.completed_at - interval 60 second
        )"""
    )
    assert differences == 0
