# Tessera: `make run` to try it, `make test` to test it, `make check` for all that CI does.

PYTHON ?= python3
PORT ?= 8000
export PORT
# Tests start many processes: what one has compiled, the next need not, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=
ifneq ($(PORT),8000)
export ISSUER ?= http://localhost:$(PORT)
endif

BIN := .venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --require-hashes
WORKERS ?= auto
PYTEST = $(PY) -m pytest -n $(WORKERS) --dist loadfile
# Quick tests wait now and then for what they started: one process more than there are processors.
test test-encrypted test-versions: WORKERS = $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

.PHONY: run services pause resume test check format lint types imports dependencies templates migrations deploy openapi fresh sbom
.PHONY: deploy-files test-sqlite test-postgresql test-encrypted test-versions bench bench-quick lock clean

## Try it ----------------------------------------------------------------------------------------

run: .venv/installed
	@exec $(PY) deploy/run.py --port "$(PORT)"

# The same as services behind nginx, on port 8080 and those after it. With PostgreSQL:
# make services DATABASES=postgres://me@127.0.0.1/tessera
services: .venv/prod
	@exec $(PY) deploy/services.py --port $(if $(filter 8000,$(PORT)),8080,$(PORT)) --databases "$(DATABASES)"

# One of the running services stands still, or goes on: make pause SERVICE=products
pause resume: .venv/prod
	@$(PY) deploy/services.py --$@ "$(SERVICE)"

# What puts the services somewhere: compose.yaml, Kubernetes, the gateway; in var/deploy.
deploy-files:
	$(PYTHON) deploy/render.py

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	f"Python 3.11 or later is needed; this is {sys.version.split()[0]}. Name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: requirements.txt | .venv/made
	$(PIP) --requirement requirements.txt
	@touch $@

.venv/prod: requirements/prod.txt .venv/installed
	$(PIP) --requirement requirements/prod.txt
	@touch $@

.venv/bench: requirements/bench.txt .venv/installed benchmarks/peers/fastify/package-lock.json
	$(PIP) --requirement requirements/bench.txt
	@if command -v npm > /dev/null; then npm ci --prefix benchmarks/peers/fastify --silent --no-audit --no-fund; fi
	@touch $@

.venv/dev: requirements/dev.txt .venv/installed
	$(PIP) --requirement requirements/dev.txt
	@touch $@

## Test it ---------------------------------------------------------------------------------------

test: .venv/installed
	$(PYTEST) -m "not slow"

# Libraries of another language that verify our tokens; without npm their test is skipped.
tests/interop/node_modules/.package-lock.json: tests/interop/package-lock.json
	@command -v npm > /dev/null || { echo "npm is not installed: tokens are not verified in Node"; exit 0; }; \
	cd tests/interop && npm ci --silent --no-fund --no-audit

check: .venv/dev tests/interop/node_modules/.package-lock.json
	$(MAKE) format lint types imports dependencies templates migrations deploy fresh sbom
	$(MAKE) test-sqlite test-postgresql test-encrypted test-versions
	$(MAKE) bench-quick

format:
	$(BIN)/ruff format --check .

lint:
	$(BIN)/ruff check .

types:
	$(BIN)/mypy .

imports:
	$(PY) .ci/lint_imports.py

dependencies:
	$(BIN)/deptry .

templates:
	find templates */templates -name '*.html' -print0 | xargs -0 $(BIN)/djade --check

migrations:
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) .ci/on_postgresql.py $(PY) .ci/lint_migrations.py

# What production refuses or warns of, with an environment as it would be there.
deploy:
	DEBUG=off SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))') \
	ISSUER=https://shop.example ALLOWED_HOSTS=shop.example EMAIL_URL=smtp://mail.shop.example \
	DATABASE_URL=sqlite://:memory: EVENTS_DATABASE_URL= $(PY) manage.py check --deploy --fail-level WARNING

openapi: .venv/dev
	$(PY) manage.py openapi

fresh:
	$(PY) manage.py openapi --check

# What production installs, with hashes and licences (CycloneDX); a licence that is not allowed fails.
sbom: .venv/dev
	$(PY) .ci/sbom.py var/sbom.cdx.json

test-sqlite:
	$(PYTEST) -m "not postgresql" --cov --cov-report=term:skip-covered --cov-report=xml --cov-fail-under=95

# The newer Django and Python that are supported, where there is such a Python.
test-versions: .venv/dev
	$(PY) .ci/versions.py $(WORKERS)

test-postgresql:
	$(PY) .ci/on_postgresql.py $(PYTEST) -m "database or postgresql"

# Where a key for it is set, access tokens are encrypted, and everything about them holds as ever.
test-encrypted:
	JWT_ENCRYPTION_KEY=$$($(PY) manage.py encryption_key) $(PYTEST) -m "not slow and not postgresql" tests/tokens tests/accounts

## Measure it: on PostgreSQL at 127.0.0.1:5432 or BENCHMARK_SERVER, and on SQLite -------------------

bench: .venv/bench
	$(PY) -m benchmarks --check

bench-quick: .venv/bench
	$(PY) -m benchmarks --quick --check --drop

## Keep it ---------------------------------------------------------------------------------------

# Extras stay in the pins: without them an older pip looks for another release of what is wanted with an extra.
# `make lock UPGRADE=--upgrade` takes the newest releases.
# One release serves every Python, so Django stays at the one that Python 3.11 can run.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras --fork-strategy fewest $(UPGRADE)

lock: .venv/dev
	$(COMPILE) pyproject.toml --extra test --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra prod --constraint requirements.txt --output-file requirements/prod.txt
	$(COMPILE) pyproject.toml --extra prod --extra test --extra dev --constraint requirements.txt --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --extra prod --extra test --extra bench --constraint requirements/dev.txt --output-file requirements/bench.txt

clean:
	rm -rf .venv var
