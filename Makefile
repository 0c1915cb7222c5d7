# Every target explains itself; `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTHONS ?= 3.11 3.12 3.13 3.14
# Tests that run a second time with every step tried as a local activity first.
ALSO_LOCALLY := $(wildcard tests/workflows/test_order_*.py) tests/workflows/test_cancel_everywhere.py \
	tests/system/e2e/test_reset.py
# Tests that wait for half of their time: more of them run at once than there are cores.
# The files are started in this order: a long one that came last would run alone in the end.
LONGEST := tests/wheel tests/system/e2e tests/system/faults
NOT_WAITING := tests/temporal_saga tests/workflows tests/system %/__pycache__
WAITING := $(LONGEST) $(filter-out $(LONGEST) $(NOT_WAITING),$(patsubst %/,%,$(wildcard tests/system/*/ tests/*/)))
OURS = $(patsubst %/__init__.py,%,$(wildcard */__init__.py)) clients $(wildcard *.py)

# Where it is set, each process would compile all tests that it imports, and all that a test starts.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install check lint format test unit pythons verify planted postgresql chromium node javascript fuzz schemas histories screenshots \
	up ps stop start restart logs shop demo audit reconcile bench growth lock wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Also where PYTHONDONTWRITEBYTECODE is set: each process would else compile all that it imports. Where the checkout is read-only
# they do.
install: $(VENV)/installed ## everything this project needs, into .venv; bytecode of it and of our own code
	@$(BIN)/python -m compileall -qq $(OURS) || true

$(VENV)/installed: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12"; exit 1; }
	@echo "installing into $(VENV)"
	@if command -v uv >/dev/null; then uv venv -q --allow-existing --python $(PYTHON) $(VENV); \
		else $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -q --disable-pip-version-check uv; fi
	@UV=$$(command -v uv || echo $(BIN)/uv); \
		VIRTUAL_ENV=$(CURDIR)/$(VENV) $$UV pip install -q --compile-bytecode --require-hashes -r requirements-dev.lock
	@touch $@

check: lint ## format, lint, types, the console's too; rooms
	@$(BIN)/pytest -q -p no:cacheprovider $(addprefix tests/repository/test_,rooms.py modules.py environment_reads.py)

lint: install javascript # what `make check` looks at without running anything
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	@$(BIN)/mypy
	@report=$$($(BIN)/lint-imports --no-cache) || { echo "$$report"; exit 1; }
	@[ ! -e tests/console/node_modules/.package-lock.json ] \
		|| $(BIN)/python -m tests.console.type_check

format: install ## rewrite the code the way `make check` wants it
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

test: install postgresql javascript ## everything that must hold before a change lands
	@$(MAKE) --no-print-directory -j 2 lint unit

unit: # of `make test` the tests, beside which `lint` has a core of its own
	@MAKEFLAGS= $(BIN)/pytest -q -n 3 --dist loadfile -m "not long"

pythons: ## `make test` on each Python that is here, each in an environment of its own under var/
	@for version in $(PYTHONS); do \
		if python$$version -c '' 2>/dev/null; \
		then echo "Python $$version" && $(MAKE) test PYTHON=python$$version VENV=var/python$$version || exit 1; \
		else echo "Python $$version is not here"; fi; done

verify: install postgresql chromium node javascript planted ## what takes longer: kills, whole days, every cancel, composed sagas, the console in a browser; whether planted bugs are caught
	@$(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m long --timeout 600 $(WAITING)
	@EVERY_CANCEL=1 HYPOTHESIS_PROFILE=long HYPOTHESIS_EXAMPLES=10 $(BIN)/pytest -q -n 3 --dist load --maxschedchunk 1 \
		-m long --timeout 600 tests/temporal_saga tests/workflows
	@LOCAL_ACTIVITIES=on WORKFLOW_SANDBOX=off $(BIN)/pytest -q -n 3 --dist loadfile -m "" --timeout 600 $(ALSO_LOCALLY)

planted: install ## plant known bugs in copies of the project, and see that its tests catch them
	@$(BIN)/python -m tests.planted $(PLANTED)

postgresql: # the server whose binaries the tests start on their own
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
			&& echo "installing PostgreSQL" && apt-get update -qq && apt-get install -qq -y postgresql >/dev/null; } \
		|| echo "no PostgreSQL server here: the tests that need one are skipped"

chromium: # the browser that the tests look at the console with
	@command -v chromium >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
			&& echo "installing Chromium" && apt-get update -qq && apt-get install -qq -y chromium >/dev/null; } \
		|| echo "no Chromium here: the tests that need one are skipped"

node: # what the participant in Node needs; its tests run where this is here
	@cd examples/stock-in-node && { [ -e node_modules/.package-lock.json ] \
		|| { command -v npm >/dev/null && echo "installing what the participant in Node needs" \
			&& npm ci --silent --ignore-scripts --fetch-retries=1 --fetch-timeout=30000; } \
		|| echo "no npm here, or no registry: the tests of the participant in Node are skipped"; }

javascript: # what checks the console's types, and who can use it
	@cd tests/console && { [ node_modules/.package-lock.json -nt package-lock.json ] \
		|| { command -v npm >/dev/null && echo "installing what checks the console" \
			&& npm ci --silent --ignore-scripts --fetch-retries=1 --fetch-timeout=30000; } \
		|| echo "no npm here, or no registry: the console's types and its accessibility are not checked"; }

fuzz: install ## schemathesis asks the API for long: EXAMPLES=200 for each call
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/pytest -q -s tests/system/e2e/test_fuzz.py

schemas: install ## write docs/openapi.json and docs/contracts/*.json anew, as the code has them
	@$(BIN)/python -m tests.repository.published

histories: install ## record the sagas that later versions must be able to replay
	@$(BIN)/python -m tests.workflows.record

screenshots: install chromium ## the pictures of the console in docs/images, of a stack of its own
	@$(BIN)/python -m tests.system.browser.screenshots

up: install ## the whole system on this machine, until Ctrl-C
	@exec $(BIN)/python -m operations.up

shop: install ## products or customers into the running shop: FILE=path.csv, see docs/API.md
	@exec $(BIN)/python -m operations.shop $${FILE:+"$$FILE"}

ps: install ## how each part of the running system stands
	@exec $(BIN)/python -m operations.up.control ps

stop: install ## stop one part of it: make stop PART=stock
	@exec $(BIN)/python -m operations.up.control stop $(PART)

start: install ## start it again
	@exec $(BIN)/python -m operations.up.control start $(PART)

restart: install ## both
	@exec $(BIN)/python -m operations.up.control restart $(PART)

logs: install ## the last lines of its log, or of all; FOLLOW=1 goes on
	@exec $(BIN)/python -m operations.up.control logs $(PART) $(if $(FOLLOW),--follow)

demo: install ## a real day of orders through a stack of its own; DAY=path for another, DATA_DIR=path to keep it
	@exec $(BIN)/python -m operations.demo $${DAY:+"$$DAY"}

audit: install ## do the invariants hold? asks the databases and Temporal, changes nothing
	@exec $(BIN)/python -m operations.audit

reconcile: install ## do our books of card payments and the provider's agree? changes nothing
	@exec $(BIN)/python -m operations.reconcile

bench: install postgresql ## this system beside others, half an hour; SHORT=1 for three minutes; PROFILE=1, CONTESTANTS, IN_FLIGHT, ORDERS, ROUNDS: docs/PERFORMANCE.md
	@exec $(BIN)/python -m bench $(if $(SHORT),--short) $(if $(PROFILE),--profile) $(if $(CONTESTANTS),--contestants "$(CONTESTANTS)") \
		$(if $(IN_FLIGHT),--in-flight "$(IN_FLIGHT)") $(if $(ORDERS),--orders $(ORDERS)) $(if $(ROUNDS),--rounds $(ROUNDS))

growth: install ## what becomes of its speed when much is on record or open; an hour; PARTS="sizes reviews batch large retention", SIZES, REAL, REVIEWS, BATCH: docs/PERFORMANCE.md
	@exec $(BIN)/python -m bench.growth $(if $(PARTS),--parts $(PARTS)) $(if $(SIZES),--sizes $(SIZES)) $(if $(REAL),--real $(REAL)) \
		$(if $(REVIEWS),--reviews $(REVIEWS)) $(if $(BATCH),--batch $(BATCH))

lock: install ## resolve the dependencies anew
	@UV=$$(command -v uv || echo $(BIN)/uv); for lock in app: dev:-dev; do \
		$$UV pip compile -q --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade \
			--python-version 3.11 --group $${lock%:*} -o requirements$${lock#*:}.lock; done

wheel: ## the saga core alone, to be installed elsewhere: dist/temporal_saga-….whl
	@if command -v uv >/dev/null; then uv build -q --wheel --out-dir dist; \
		else $(PYTHON) -m pip wheel -q --disable-pip-version-check --no-deps --wheel-dir dist .; fi
	@ls dist/*.whl

clean: ## remove what was installed and cached; data under var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
