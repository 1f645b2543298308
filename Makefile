# Every task of this repository is one verb; `make` lists them.
#
# `make demo` and `make test` need Python 3.11 or newer with its venv module, and make. They put everything of Python
# into .venv, and install the rest from Debian where its commands are missing: Prometheus and Alertmanager, and for the
# tests Chromium, Java and PostgreSQL.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_STAMP := $(VENV)/.demo-installed
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
SYSTEM := bash deploy/install-debian.sh

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check bench bench-peers grafana-check generate lock clean system system-tests

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: system $(DEMO_STAMP) ## show everything on this machine with real data; ONCE=1 runs it through once and exits
	@$(BIN)/mlmon demo $(if $(ONCE),--once) $(ARGS)

test: system-tests $(STAMP) ## run every test and doctest; ARGS="-k drift" chooses
	@$(BIN)/python -m pytest $(ARGS)

check: system $(STAMP) ## format, lint, types, layers, dependencies, rules, configuration, generated files
	$(BIN)/ruff format --check
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	promtool check rules alert_rules/*.yml
	promtool check config prometheus.yml
	amtool check-config alertmanager.yml
	$(BIN)/mlmon generate all --check

bench: $(STAMP) ## measure what monitoring costs, drift and profiles included; ARGS=--write records it
	@$(BIN)/python -m bench $(ARGS)

bench-peers: $(STAMP) ## install other tools beside ours, pinned, and measure them; ARGS="--quick --write"
	@$(BIN)/python -m bench.peers $(ARGS)

grafana-check: system $(STAMP) ## compare a real Grafana with what is relied on: GRAFANA_URL, GRAFANA_TOKEN
	@test -n "$$GRAFANA_URL" || { echo >&2 "set GRAFANA_URL, and GRAFANA_TOKEN to a token with the role Admin"; exit 1; }
	@$(BIN)/python -m pytest -m grafana tests/grafana -rA --no-header $(ARGS)

generate: $(STAMP) ## write dashboards, rules and server configuration anew
	@$(BIN)/mlmon generate all

# Made in an environment of its own, so that nothing left over in .venv is written down. The oldest Python is the one
# to lock with: what installs there has wheels for the newer ones too.
lock: PYTHON := python3.11
lock: ## renew constraints/dev.txt with the newest versions (with the oldest Python supported)
	@$(PYTHON) -m venv --clear build/lock
	@echo "Looking up the newest versions..."
	@build/lock/bin/python -m pip install --quiet --upgrade pip
	@build/lock/bin/python -m pip install --quiet --group dev --editable '.[all]'
	@{ echo "# Versions for development and CI, written by 'make lock'; do not edit."; \
	   build/lock/bin/python -m pip freeze --all --exclude-editable; \
	 } > build/lock/dev.txt
	@if grep -n '[@/]' build/lock/dev.txt | grep -v ':#'; then \
	   echo >&2 "lock: these lines name an address; only versions belong into constraints/dev.txt"; exit 1; fi
	@mv build/lock/dev.txt constraints/dev.txt
	@rm -rf build/lock
	@echo "constraints/dev.txt: $$(grep -c == constraints/dev.txt) versions"

clean: ## remove caches, builds and the demo's data (.venv stays)
	@rm -rf build dist demo-run .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

system:
	@$(SYSTEM)

system-tests:
	@$(SYSTEM) tests

# The demo needs less than development does, and starts sooner for it. pip is renewed first because older ones do not
# know dependency groups; the build tools come with it, so that nothing outside the pinned versions is looked up when
# packages are built.
$(DEMO_STAMP): pyproject.toml constraints/dev.txt
	@command -v $(PYTHON) > /dev/null || { \
	   echo >&2 "$(PYTHON) is missing; run: sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	   echo >&2 "$$($(PYTHON) --version) is too old; Python 3.11 or newer is needed. Name another: make PYTHON=python3.12"; \
	   exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
	   echo >&2 "$(PYTHON) cannot make virtual environments; run: sudo apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -c '' 2> /dev/null || { echo "Making $(VENV)..."; $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing the package into $(VENV) (a minute the first time)..."
	@$(PIP) install --quiet --constraint constraints/dev.txt pip
	@$(PIP) install --quiet --constraint constraints/dev.txt --group build
	@$(PIP) install --quiet --constraint constraints/dev.txt --no-build-isolation --editable '.[demo]'
	@touch $@

$(STAMP): $(DEMO_STAMP)
	@echo "Installing the tools of development into $(VENV) (a minute or two the first time)..."
	@$(PIP) install --quiet --constraint constraints/dev.txt --group dev
	@$(PIP) install --quiet --constraint constraints/dev.txt --no-build-isolation --editable '.[all]'
	@touch $@
