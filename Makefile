# Every target installs what it needs into .venv from the lock files; running one again is quick and harmless.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
SERVE ?= yes

# pip of the system drives the environment's Python, so a Python without ensurepip (Debian's) is enough.
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check

.PHONY: help demo install wheel clients test nightly audit check bench soak lock clean

help: ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@echo "Making the Python environment .venv"
	@$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml | $(BIN)/python
	@echo "Installing the libraries of storewatch into .venv (about a minute)"
	@$(PIP) install --quiet --require-hashes -r requirements/runtime.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@$(BIN)/storewatch compile
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime
	@echo "Installing the tools for tests and checks into .venv (about a minute)"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.lock
	@touch $@

# An environment of its own, with Node.js: these tools need other libraries than storewatch.
$(VENV)/clients/.complete: requirements/clients.lock tests/clients/package-lock.json | $(BIN)/python
	@echo "Installing linters of OpenAPI and generators of clients into .venv/clients"
	@$(PYTHON) -m venv --without-pip $(VENV)/clients
	@$(PYTHON) -m pip --python $(VENV)/clients/bin/python --disable-pip-version-check install --quiet --require-hashes -r requirements/clients.lock
	@cp tests/clients/package.json tests/clients/package-lock.json $(VENV)/clients
	@cd $(VENV)/clients && PATH="$$PWD/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

clients: $(VENV)/clients/.complete ## install what tests/clients needs (npm registry); without it these tests skip

$(VENV)/.bench: requirements/bench.lock $(VENV)/.runtime
	$(PIP) install --quiet --require-hashes -r requirements/bench.lock
	@touch $@

install: $(VENV)/.runtime ## install storewatch into .venv and compile its kernels

wheel: $(VENV)/.runtime ## build dist/storewatch-*.whl, which installs without this repository
	@$(BIN)/python -m hatchling build --target wheel --directory dist

demo: install ## simulate a fleet (or take DATA=folder), import, report, serve until Ctrl-C (SERVE=no: stop before)
	@BIN=$(BIN) DATA="$(DATA)" SERVE="$(SERVE)" bash scripts/demo.sh

# Newer than every file that a test can depend on once the whole suite passed on them.
TESTED := $(VENV)/.tested
TESTED_FILES := $(shell find src tests examples docs scripts Makefile pyproject.toml README.md ARCHITECTURE.md -type f -not -path '*/__pycache__/*')

test: $(VENV)/.dev ## run the whole test suite
	$(BIN)/pytest --cov --cov-report=
	@touch $(TESTED)

nightly: $(VENV)/.dev ## fuzz every parser with a million inputs (`make test`: 20,000), the API with all of Schemathesis; 1,000 kills, every fault at every work; README in a new clone
	STOREWATCH_NIGHTLY=1 $(BIN)/pytest tests/ingest/test_parsers_fuzzed.py tests/web/test_requests_fuzzed.py \
		tests/engine/test_interval_coverage.py tests/processes/test_kills.py tests/faults
	STOREWATCH_SCHEMATHESIS=thorough $(BIN)/pytest tests/web/test_schemathesis.py
	STOREWATCH_NIGHTLY=1 $(BIN)/pytest -n0 tests/docs/test_pages.py -k README
	STOREWATCH_NIGHTLY=1 $(BIN)/pytest -n0 tests/packaging

$(VENV)/audit/bin/pip-audit: | $(BIN)/python
	$(PYTHON) -m venv --without-pip $(VENV)/audit
	$(PYTHON) -m pip --python $(VENV)/audit/bin/python --disable-pip-version-check install --quiet pip-audit

audit: $(VENV)/audit/bin/pip-audit ## look up the known faults of the pinned libraries (needs pypi.org)
	$< --strict --disable-pip --require-hashes -r requirements/runtime.lock

$(TESTED): $(TESTED_FILES) $(VENV)/.dev
	@$(MAKE) --no-print-directory test

check: $(VENV)/.dev ## formatting, lint, types, import rules, tests (unless they just passed on these files), coverage
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory $(TESTED)
	$(BIN)/coverage report --skip-covered --fail-under=90

bench: $(VENV)/.bench ## measure the budgets; prints the table of docs/benchmarks.md
	$(BIN)/python -m benchmarks

MINUTES ?= 60

soak: $(VENV)/.dev ## run a service under mixed load of 200 clients for an hour (MINUTES=3 for less)
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

COMPILE := uv pip compile --quiet --no-strip-extras --universal --no-annotate --no-header --generate-hashes --no-emit-index-url --no-emit-find-links

lock: ## renew the lock files (needs uv)
	$(COMPILE) --group pyproject.toml:build --group pyproject.toml:dev --group pyproject.toml:bench pyproject.toml -o requirements/all.lock
	$(COMPILE) -c requirements/all.lock --group pyproject.toml:build pyproject.toml -o requirements/runtime.lock
	$(COMPILE) -c requirements/all.lock --group pyproject.toml:dev -o requirements/dev.lock
	$(COMPILE) -c requirements/all.lock --group pyproject.toml:bench -o requirements/bench.lock
	$(COMPILE) --group pyproject.toml:clients -o requirements/clients.lock
	rm requirements/all.lock

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage
