# Two commands do all the set-up on a fresh Debian machine with Python 3.11+: `make run` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test check bench torture pooler helm fuzz audit sbom format servers pins clean

help:  ## Show what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
	  echo "python3-venv is missing; installing it with apt"; \
	  bash tests/apt-get.sh update -qq && bash tests/apt-get.sh install -y -qq python3-venv && \
	  rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }

# Compiled when it is first used, which takes a third off the minute of a newcomer.
$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --no-compile --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.run

run: $(VENV)/.run  ## Start the exporter on an embedded SQLite file with defaults
	@exec $(BIN)/mttx serve

servers:  ## Install the real servers that the tests start (Debian packages, where apt may)
	@bash tests/install-servers.sh

# As many at a time as there are processors; each process starts servers of its own, so no more than four. One more is
# a tenth quicker, and now and then too much for a test that waits for a clock or a receiver.
JOBS ?= --numprocesses auto --maxprocesses 4 --dist worksteal

# Each server that a test starts would compile all of the service for itself where Python may not write it down.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.dev servers  ## Run every test, with coverage
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest $(JOBS) --cov --cov-report= $(PYTEST_ARGS)
	$(BIN)/python tests/coverage_gate.py

check: $(VENV)/.dev  ## Lint, types, architecture, rule files, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	@if command -v promtool >/dev/null; then promtool check rules --lint=all --lint-fatal alert_rules/*.yml; \
	 elif [ -n "$$MTTX_REQUIRE_ALL" ]; then echo "promtool is required here and missing"; exit 1; \
	 else echo "promtool is missing: alert_rules/ not checked (make servers)"; fi

format: $(VENV)/.dev  ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## Print the benchmark table (needs wrk)
	@bash tests/install-servers.sh wrk
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

torture: $(VENV)/.dev servers  ## The long fault runs
	MTTX_TORTURE=1 $(BIN)/python -m pytest -m torture $(PYTEST_ARGS)

pooler: $(VENV)/.dev servers  ## The tests of the store and of replicas, through PgBouncer in both modes
	$(BIN)/python -m pytest $(JOBS) tests/store tests/real/test_replicas.py --pooler transaction
	$(BIN)/python -m pytest $(JOBS) tests/store tests/real/test_replicas.py --pooler session

# Both are built by Go, which has to be there; the tests without them are part of `make test`.
HELM_VERSION := v3.18.6
KUSTOMIZE_VERSION := v5.7.1
OPERATOR := github.com/prometheus-operator/prometheus-operator@v0.85.0
helm: $(VENV)/.dev  ## Check the Helm chart, with Helm and against kustomize (installed with Go where they are missing)
	@command -v helm >/dev/null || GOBIN=$(abspath $(BIN)) go install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)
	@command -v kustomize >/dev/null || GOBIN=$(abspath $(BIN)) go install sigs.k8s.io/kustomize/kustomize/v5@$(KUSTOMIZE_VERSION)
	MTTX_OPERATOR=$$(go mod download -json $(OPERATOR) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p') \
	  PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest --numprocesses 0 tests/test_helm.py

FUZZ_SECONDS ?= 60

fuzz: $(VENV)/.dev  ## Coverage-guided fuzzing of every parser (FUZZ_SECONDS each)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python -m tests.hostile.fuzz $(FUZZ_SECONDS)

# A virtual environment of its own: these tools have dependencies that nothing else here needs.
$(VENV)-audit/.audit: requirements-audit.txt
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --requirement requirements-audit.txt
	@touch $@

# Some pins are for some Pythons only; pip-audit itself asks only about those of its own.
audit: $(VENV)-audit/.audit  ## Ask for known vulnerabilities of what is pinned; fails where nobody could be asked
	@for others in '>=' '<'; do \
	  sed "/python_version $$others /d; s/;.*//" constraints.txt > $(VENV)-audit/pins.txt && \
	  $(VENV)-audit/bin/pip-audit --strict --requirement $(VENV)-audit/pins.txt --no-deps --disable-pip || { \
	  echo "NOT PASSED: something pinned is vulnerable, or (as the message above says) could not be looked up from here."; exit 1; }; \
	done

sbom: $(VENV)-audit/.audit  ## Write the bill of materials of an installation to dist/sbom.cdx.json (CycloneDX)
	rm -rf $(VENV)-shipped && $(PYTHON) -m venv $(VENV)-shipped && mkdir -p dist
	$(VENV)-audit/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --requirement requirements-build.txt
	$(VENV)-audit/bin/python -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --wheel-dir dist/wheel .
	$(VENV)-shipped/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --requirement requirements-image.txt
	$(VENV)-shipped/bin/python -m pip --disable-pip-version-check install --quiet --no-deps dist/wheel/*.whl
	rm -rf dist/wheel
	$(VENV)-shipped/bin/python -m pip --disable-pip-version-check uninstall --quiet --yes pip setuptools
	$(VENV)-audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file dist/sbom.cdx.json $(VENV)-shipped/bin/python

# An environment of its own, without hashes: they are what it is for. constraints.txt says which versions.
pins: $(VENV)/.dev  ## Write requirements-*.txt: the pins with the hashes of their files, for the image, CI and releases
	$(PYTHON) -m venv $(VENV)-pins
	$(VENV)-pins/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt \
	  build editables hatchling hatch-fancy-pypi-readme pip-audit cyclonedx-bom
	$(VENV)-pins/bin/python .ci/pins.py $(VENV)/lib/python3*/site-packages $(VENV)-pins/lib/python3*/site-packages

clean:  ## Remove the virtual environment and caches
	rm -rf $(VENV) $(VENV)-audit $(VENV)-pins $(VENV)-shipped .mypy_cache .ruff_cache .pytest_cache .coverage* .import_linter_cache
