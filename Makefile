# The commands of the project: `make demo` and `make test` are all that a newcomer needs.
PYTHON ?= python3
BIN := .venv/bin

# Tests start many processes: each would compile our sources anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo tpch artifact wheel test test-fast test-all lint types chaos fuzz bench bench-growth bench-archive bench-http docs lock audit clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# uv comes first, checked by its hash like everything after it. Bytecode is made once, and not by each of the many
# processes that tests and local cloud start: where Python writes none of its own, that doubles their start.
.venv/ready: requirements.lock pyproject.toml
	@echo "Making the environment in .venv (once) ..." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which with make PYTHON=python3.13")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# checkov pins another botocore than MiniStack does.
.venv/checkov/ready: requirements-checkov.lock .venv/ready
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/checkov
	@$(BIN)/uv pip install --quiet --python .venv/checkov/bin/python --require-hashes -r requirements-checkov.lock
	@touch $@

# As everything else that runs here: pinned, and checked by hash.
.venv/audit/ready: requirements-audit.lock .venv/ready
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/audit
	@$(BIN)/uv pip install --quiet --python .venv/audit/bin/python --require-hashes -r requirements-audit.lock
	@touch $@

.venv/docs/ready: requirements-docs.lock .venv/ready
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/docs
	@$(BIN)/uv pip install --quiet --python .venv/docs/bin/python --no-deps --require-hashes -r requirements-docs.lock
	@touch $@

demo: .venv/ready ## start the local cloud, deploy, send orders, account for every one
	@$(BIN)/orders demo

tpch: .venv/ready ## 15,000 orders of TPC-H, totals compared with the generator's own files
	@$(BIN)/orders demo --tpch 0.01

artifact: .venv/ready ## build the functions for AWS in build/, where template.yaml expects them
	@$(BIN)/python -m orderstream.deploy.artifact

wheel: .venv/ready ## build the wheel and the source distribution in dist/, reproducibly
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python

test: lint types .venv/ready ## tests, lint and type check; six minutes on two cores
	@$(BIN)/pytest -n 3 --dist worksteal -m "not system"

test-fast: .venv/ready ## the unit tests and the fuzzer, which need no emulator; a minute
	@$(BIN)/pytest -n 3 --dist worksteal -m "not system" tests/unit tests/fuzz

test-all: lint types .venv/ready .venv/checkov/ready .venv/docs/ready ## also what starts whole systems: up, accept, the README, chaos, benchmarks
	@$(BIN)/pytest -n 3 --dist worksteal

chaos: .venv/ready ## faults in every call and killed processes while orders flow; one table of what came of it
	@$(BIN)/python -m tests.chaos

fuzz: .venv/ready ## a million generated records through decode and validate; the most memory that a batch can take
	@$(BIN)/python -m tests.fuzz --records 1000000
	@$(BIN)/python -m tests.fuzz.memory

bench: .venv/ready ## the function beside its peers, the change feed, the producer, the local cloud; writes docs/performance.*
	@for part in handlers feed producer local-cloud; do $(BIN)/python -m bench --write $$part || exit 1; done

bench-growth: .venv/ready ## time and memory of an order, up to a million of them; writes docs/performance.*
	@$(BIN)/python -m bench --write growth

bench-archive: .venv/ready ## the archive's commands on 100,000 orders in 10,000 objects; writes docs/explanation/archive.md
	@$(BIN)/python -m bench --write archive

bench-http: .venv/ready ## fifty clients on the local HTTP API, every accepted order accounted for; writes docs/explanation/http-api.md
	@$(BIN)/python -m bench --write http-api

docs: .venv/docs/ready ## the documentation as a site in build/docs/, which needs no server and no network
	@NO_MKDOCS_2_WARNING=1 .venv/docs/bin/mkdocs build --strict

lint: .venv/ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/ready
	@$(BIN)/mypy

lock: ## choose versions anew and write the lock files
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra dev pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-c requirements.lock requirements-function.in -o requirements-function.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-c requirements.lock requirements-maintenance.in -o requirements-maintenance.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		-c requirements.lock requirements-api.in -o requirements-api.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		requirements-checkov.in -o requirements-checkov.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		requirements-audit.in -o requirements-audit.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-package novasvg --no-emit-package quickjs-ng --no-emit-package termaid \
		requirements-docs.in -o requirements-docs.lock

audit: .venv/audit/ready ## are there known faults in what is locked? (asks the network)
	@failed=0; for lock in $(wildcard *.lock); do echo "$$lock" >&2; \
		.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes -r "$$lock" || failed=1; done; exit $$failed

clean: ## remove the environment and everything that was built
	rm -rf .venv build dist .orderstream .mypy_cache .pytest_cache .ruff_cache .hypothesis
