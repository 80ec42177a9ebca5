# make run    set up and send today's digest into outbox/
# make test   set up and run the tests
# make check  all that CI asks: format, lint, types, import rules, tests

VENV := .venv
BIN := $(VENV)/bin
# the first Python that is new enough
PYTHON ?= $(firstword $(foreach name,python3 python3.11 python3.12 python3.13 python3.14,$(shell \
	command -v $(name) >/dev/null 2>&1 && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

.PHONY: run test check clean

run: $(VENV)/.installed
	@status=0; $(BIN)/digestmail run --config config.yaml || status=$$?; \
	if [ $$status -eq 0 ]; then \
	  echo; \
	  echo "Your messages are in outbox/:"; ls outbox/*.eml 2>/dev/null | sed 's/^/  /'; \
	  echo "Open one with a mail program, or look at the next issue in a browser: $(BIN)/digestmail preview --open"; \
	fi; exit $$status

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "digestmail needs Python 3.11 or newer"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed-test $(VENV)/.installed
