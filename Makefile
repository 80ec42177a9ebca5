# make run      set up, and send today's digest into outbox/
# make test     set up, and run the tests
# make crash    kill runs at every place between two steps, freeze them, fill their disk: takes minutes
# make fuzz     2,000 requests and more that the API's schema allows or not, against a real server: takes minutes
# make check    what CI asks of the code: format, lint, types, import rules, tests
# make quality  let validators, mail experts and a browser read the issues (installs them from Debian and npm)
# make browser  walk through the pages in Chromium, with and without scripts, and look at them with axe-core (installs it from Debian)
# make dist     build the wheel and try it in an environment and a folder of its own

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# the first Python that is new enough
PYTHON ?= $(firstword $(foreach name,python3 python3.11 python3.12 python3.13 python3.14,$(shell \
	command -v $(name) >/dev/null 2>&1 && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

.PHONY: run test crash fuzz check lint quality browser dist clean

run: $(VENV)/.installed
	@$(BIN)/digestmail run --config config.yaml
	@echo
	@echo "Your messages are in outbox/:"
	@ls outbox/*.eml | sed 's/^/  /'
	@echo "Open one with a mail program, or see the next issue in a browser: $(BIN)/digestmail preview --open"

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -n auto --ignore tests/crash --ignore tests/fuzz --ignore tests/browser

crash: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -n auto tests/crash

fuzz: $(VENV)/.installed-fuzz
	DIGESTMAIL_FUZZ=$${DIGESTMAIL_FUZZ:-150} $(BIN)/python -m pytest -q tests/fuzz

check: lint test

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

quality: $(VENV)/.installed
	$(BIN)/python quality/gate.py

browser: $(VENV)/.installed-browser
	@command -v chromium >/dev/null || { \
	root=; test "$$(id -u)" = 0 || root="sudo -n"; export DEBIAN_FRONTEND=noninteractive; \
	$$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends chromium >/dev/null; }
	$(BIN)/python -m pytest -q -n 2 tests/browser

dist: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist .
	@set -e; home=$$(mktemp -d); trap 'rm -rf "$$home"' EXIT; \
	$(BIN)/python -m venv "$$home/venv"; \
	"$$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check dist/*.whl; \
	mkdir "$$home/empty"; cd "$$home/empty"; PATH="$$home/venv/bin:$$PATH"; \
	digestmail init && digestmail subscribe me@example.org -k transformers && digestmail fetch && digestmail preview

clean:
	rm -rf $(VENV) build dist quality/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "digestmail needs Python 3.11 or newer"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-fuzz: $(VENV)/bin/python pyproject.toml
	$(PIP) --editable '.[fuzz]'
	@touch $@ $(VENV)/.installed-test $(VENV)/.installed

$(VENV)/.installed-browser: $(VENV)/bin/python pyproject.toml
	$(PIP) --editable '.[browser]'
	@touch $@ $(VENV)/.installed-test $(VENV)/.installed

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed-test $(VENV)/.installed
