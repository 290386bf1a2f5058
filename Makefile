# Two commands: make demo, make test.  `make setup` only builds .venv with the package in it.
.DEFAULT_GOAL := help
.PHONY: help setup demo serve screens browser test test-long bench bench-long lint go softhsm lock map clean

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
BIN := $(VENV)/bin

help:
	@echo "make demo       a small Japan lives through a year (set-up included)"
	@echo "make serve      the demo in a browser, at http://localhost:8080/"
	@echo "make test       set-up, ruff, mypy, import-linter and all tests"
	@echo "make setup      only build .venv with the package in it (.venv/bin/jukinet)"
	@echo "make bench      every figure that the README claims"
	@echo "make bench-long a log of twenty million leaves (6 GB, some minutes)"
	@echo "make test-long  the long forms of the tests"
	@echo "make screens    pictures of every page, in docs/screens"
	@echo "make lock       write the two lock files anew (needs uv)"

setup: $(RUN)

$(VENV)/bin/python:
	@sh scripts/make-venv.sh "$(PYTHON)" "$(VENV)"

$(RUN): requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements-dev.txt $(RUN)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

demo: $(RUN)
	$(BIN)/jukinet demo

demo/jukinet.json: | $(RUN)
	$(BIN)/jukinet demo

serve: $(RUN) demo/jukinet.json
	@sh scripts/get-fonts.sh
	$(BIN)/jukinet serve demo

screens: $(DEV) browser
	PYTHONPATH=.:tests $(BIN)/python scripts/screens.py

browser:
	@sh scripts/get-fonts.sh
	@sh scripts/get-browser.sh

lint: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

go:
	@sh scripts/get-go.sh

softhsm:
	@sh scripts/get-softhsm.sh

test: lint go softhsm browser
	$(BIN)/pytest -m "not long" -n 2 --dist loadfile

test-long: lint go softhsm browser
	HYPOTHESIS_PROFILE=new $(BIN)/pytest -n 2 --dist loadfile

bench: $(DEV)
	$(BIN)/python bench/run.py

bench-long: $(DEV)
	$(BIN)/python bench/biglog.py

map: $(RUN)
	@$(BIN)/python scripts/map.py

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build \
	  pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build --extra dev \
	  -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
