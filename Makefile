# Everything a person does with Rujukan, by name. `make` alone lists it.
# PORT, STATE and DEMO reach `rujukan up`:   make up PORT=8080 STATE=/srv/city DEMO=no

SHELL := /bin/bash
PYTHON := .venv/bin/python
PORT ?= 8000
STATE ?= .local
DEMO ?= yes
TESTS ?=
SECONDS ?= 600
SEED ?=
REPLICAS ?=

.DEFAULT_GOAL := help
.PHONY: help install up demo test chaos bench down clean lint format docs

help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Install what is needed into .venv (done by the others when it must be)
	@deploy/local/install

up: install ## Start everything on this machine; Ctrl-C stops it
	@exec ./rujukan up --state "$(STATE)" --port "$(PORT)" $(if $(filter no,$(DEMO)),--no-demo)

demo: install ## Load the demonstration's reports into a running instance
	@exec ./rujukan demo --state "$(STATE)"

test: install ## Run every test, on free ports, beside a running instance: make test TESTS=tests/unit OPTIONS=--long
	@exec $(PYTHON) -m pytest $(OPTIONS) $(TESTS)

chaos: install ## Kill and trouble everything under load: make chaos SECONDS=3600 SEED=7
	@exec $(PYTHON) -m tests.chaos.campaign --seconds $(SECONDS) $(addprefix --seed ,$(SEED)) $(addprefix --replicas ,$(REPLICAS)) $(OPTIONS)

bench: install ## Measure, to the screen and build/bench.json: make bench PARTS='growth backlog' OPTIONS='--entries 50000'
	@exec $(PYTHON) -m tests.performance.bench $(if $(PARTS),--parts $(PARTS)) $(OPTIONS)

down: ## Stop what `make up` started
	@exec ./rujukan down --state "$(STATE)"

lint: install ## Check style, types, imports
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

format: install ## Put the code into the common form
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

docs: install ## Rewrite the generated documents
	@$(PYTHON) -m shared.events.documents
	@$(PYTHON) -m shared.access.documents
	@$(PYTHON) -m shared.domain.documents
	@$(PYTHON) -m deploy.clock

clean: ## Remove what was installed and built; data under .local stay
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .local/kafka
