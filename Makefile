# Two commands: `make build` and `make test`. See README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RAW ?= $(or $(KPI_RAW_ROOT),data/raw)
DEMO_EVENTS ?= 200000
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help install install-spark demo build test test-long lint lint-sql docs clean

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

install: $(VENV)/.installed  ## Create the environment in .venv

$(RAW)/.demo: | install
	$(BIN)/kpi demo --out $(RAW) --events $(DEMO_EVENTS)
	touch $@

demo: install  ## Write the demonstration data (again)
	$(BIN)/kpi demo --out $(RAW) --events $(DEMO_EVENTS)
	touch $(RAW)/.demo

ifdef KPI_RAW_ROOT
build: install  ## Build, check and publish (on the demonstration data unless KPI_RAW_ROOT is set)
else
build: install $(RAW)/.demo
endif
	$(BIN)/kpi build

# a build ends with the `make` that started it, however that ends
build: export KPI_DIE_WITH_PARENT := 1

lint: install  ## ruff, mypy, written files in step, SQL conventions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/kpi sync --check

lint-sql: install  ## sqlfluff on all models
	$(BIN)/sqlfluff lint models tests/data analyses --processes 2

install-spark:  ## Create the Spark environment in .venv-spark (Java 17 or newer is needed)
	test -x .venv-spark/bin/python || $(PYTHON) -m venv .venv-spark
	.venv-spark/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-spark.in
	.venv-spark/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .

test: install  ## Lint, Python tests, dbt unit and data tests, conformance (under 15 minutes)
	$(MAKE) lint lint-sql
	$(BIN)/python -m pytest -m "not long" -n 2 --dist loadfile --no-loadscope-reorder

test-long: install  ## What takes longer: every scenario, Spark, real sets, faults, crashes
	$(BIN)/python -m pytest -m long -n 2 --dist loadfile --no-loadscope-reorder

docs: install  ## dbt documentation and column lineage in target/ (after a build)
	$(BIN)/dbt docs generate --quiet
	$(BIN)/kpi lineage > target/column_lineage.json

clean:  ## Remove what a build wrote (not the environment, not published numbers)
	rm -rf target logs warehouse.duckdb warehouse.duckdb.wal data/raw
