# Every target of the project; `make help` prints them from the comments behind `##`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: help
help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/.done ## set everything up, add two teams, run a DAG in each, show the fleet; leaves it running
	PATH="$(CURDIR)/$(BIN):$$PATH" sandbox/demo.sh

.PHONY: test
test: .venv/.done ## everything: linters, then all four layers of tests, on a sandbox that is up (built if need be)
	$(MAKE) --jobs=2 lint needed
	$(BIN)/python -m tests

.PHONY: needed
needed: sandbox-up # one after the other: both install packages
	$(MAKE) browser

.PHONY: browser
browser: ## what the tests look at pages with: Debian's Chromium, and certutil, by which it trusts the sandbox's certificates
	@command -v chromium >/dev/null && command -v certutil >/dev/null || { \
		apt-get update --quiet && DEBIAN_FRONTEND=noninteractive \
		apt-get install --yes --quiet --no-install-recommends chromium libnss3-tools; }

.PHONY: unit
unit: .venv/.done ## the tests that need nothing but Python: seconds
	$(PYTEST) tests/unit tests/golden

.PHONY: lint
lint: .venv/.done ## ruff, mypy, import layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy images/portal/fleet_portal
	$(BIN)/lint-imports

.PHONY: bench
bench: .venv/.done ## measure the budgets of the design and print them beside their goals; JSON=1 for JSON
	@$(BIN)/python -m tests.bench $(if $(JSON),--json)

.PHONY: sandbox-up
sandbox-up: .venv/.done ## start the sandbox; the first time, build it
	$(BIN)/fleet sandbox up

.PHONY: sandbox-down
sandbox-down: .venv/.done ## stop the sandbox and remove what it put on the machine; its data stays
	$(BIN)/fleet sandbox down

.PHONY: venv
venv: .venv/.done ## the Python environment in .venv, with fleet installed from this checkout

.venv/.done: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip==26.0'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@
