# Needs Python 3.11 or later, make, and the package registries; nothing else has to be installed.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
COMPILE = $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help up down status daily example test check soak bench fmt lock clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(STAMP) ## Start Kafka, Postgres, S3 and the services; DETACH=1 returns when all are ready
	@$(BIN)/tickplant up $(if $(DETACH),--detach)

down: $(STAMP) ## Stop everything that `up` started; the data stay
	@$(BIN)/tickplant down

status: $(STAMP) ## Show what runs and what is ready
	@$(BIN)/tickplant status

daily: $(STAMP) ## Fetch daily bars: TRADE_DATE_FROM=2024-11-25 TRADE_DATE_TO=2024-12-06, and perhaps TICKERS=AAPL,MSFT
	@$(if $(TRADE_DATE_FROM),,echo 'give the first day: make daily TRADE_DATE_FROM=2024-11-25 TRADE_DATE_TO=2024-12-06' >&2; exit 2)
	@$(BIN)/tickplant fetch daily --from '$(TRADE_DATE_FROM)' --to '$(or $(TRADE_DATE_TO),$(TRADE_DATE_FROM))' $(if $(TICKERS),--tickers '$(TICKERS)')

example: $(STAMP) ## Daily bars from the simulated exchange to files, on a stack of its own and without the internet
	@$(BIN)/python -m deploy.example

test: $(STAMP) ## Run the quick tests, then those on the real parts
	$(BIN)/pytest -q --exitfirst -n 2 --dist worksteal tests/unit tests/architecture
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/unit --ignore tests/architecture tests/system tests

check: $(STAMP) ## Check format, lint, types and the layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: $(STAMP) ## Run a stack under hostile input for MINUTES=20: it stays fresh, flat and balanced
	$(BIN)/python -m tests.system.soak --minutes $(or $(MINUTES),20)

bench: $(STAMP) ## Run the benchmarks
	$(BIN)/python -m bench

fmt: $(STAMP) ## Format, and fix what can be fixed
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: $(STAMP) ## Write the requirements anew, with hashes, from pyproject.toml, and the lock of the Java parts
	$(COMPILE) $(LOCKFLAGS) pyproject.toml --output-file requirements.txt
	$(COMPILE) $(LOCKFLAGS) pyproject.toml --extra local --extra dev --constraints requirements.txt --output-file requirements-dev.txt
	echo uv | $(COMPILE) $(LOCKFLAGS) - --output-file requirements-uv.txt
	$(BIN)/python -m bench.venvs
	$(BIN)/python -m bench.jars
	$(BIN)/python -m deploy.local.jars

clean: ## Remove the environment and the caches; the stack's data stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# uv installs in seconds what takes pip a minute. Where it cannot reach the registry pip is configured for, pip does it.
$(STAMP): requirements-dev.txt requirements-uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the locked requirements into .venv"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt \
		&& $(BIN)/uv pip install --quiet --compile-bytecode --system-certs --python $(BIN)/python --require-hashes -r requirements-dev.txt \
		|| $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --editable .
	@touch $@
