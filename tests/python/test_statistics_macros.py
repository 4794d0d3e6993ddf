"""The significance macros against numerical integration and the error function of the standard library."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.python.support.replay import Replayer


def chi_square_tail(x: float, df: int) -> float:
    """Upper tail of the chi-square distribution, 1 - integral of the density of sqrt(t) (smooth at 0)."""
    root = np.linspace(0, math.sqrt(x), 200_001)
    density = 2 * root ** (df - 1) * np.exp(-(root**2) / 2) / (2 ** (df / 2) * math.gamma(df / 2))
    return float(1 - np.trapezoid(density, root))


def test_p_values(tmp_path: Path) -> None:
    """Chi-square tails of one to nine degrees and normal tails, to 2e-7."""
    tails = [(x, df) for df in range(1, 10) for x in (0.3, 3.841459, 20.0)]
    normal = [0.0, 0.5, -1.959964, 4.0]
    columns = [f"{{{{ chi_square_p('{x}', '{df}') }}}} as c{place}" for place, (x, df) in enumerate(tails)]
    columns += [f"{{{{ normal_two_sided_p('({z})') }}}} as n{place}" for place, z in enumerate(normal)]
    replayer = Replayer(tmp_path)
    shown = replayer.dbt("show", "--inline", "select " + ", ".join(columns))
    row = [float(value) for value in shown.results[0].agate_table.rows[0].values()]
    expected = [chi_square_tail(x, df) for x, df in tails]
    expected += [math.erfc(abs(z) / math.sqrt(2)) for z in normal]
    assert row == pytest.approx(expected, abs=2e-7)
