"""Published libraries to check against: the extra `reference`."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

import pytest


def library(name: str) -> ModuleType:
    """A module of a reference library: skips the test where the library is not installed, fails where it does not import."""
    if importlib.util.find_spec(name.split(".")[0]) is None:
        pytest.skip(f"{name} is not installed (pip install 'kpi-warehouse[reference]')")
    return importlib.import_module(name)
