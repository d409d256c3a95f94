# Each target sets up what it needs, from a fresh clone, into $(VENV); a second call finds it done.
# Versions come from constraints.txt. Where pip would take a large CUDA build of torch and the CPU build is wanted,
# point pip at it first: PIP_EXTRA_INDEX_URL=<index of CPU builds> make demo
PYTHON ?= python3
VENV ?= .venv
OUT ?= out/demo
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-by-make
# A file of tests at a time for each processor.
PYTEST_OPTIONS ?= --numprocesses auto --dist loadfile

# Real photographs for the tests: shared/data beside the checkout where it exists.
ifneq ($(wildcard ../shared/data),)
export SHARPVISION_DATA ?= $(abspath ../shared/data)
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench clean

help:  ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-7s %s\n", $$1, $$2}'

setup: $(STAMP)  ## install sharpvision and its development tools into .venv

$(STAMP): pyproject.toml constraints.txt
	@echo "== installing sharpvision into $(VENV) (a few minutes, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: $(PYTHON): expected Python 3.11 or newer, found %d.%d; run: make PYTHON=python3.11" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --constraint constraints.txt torch
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## photometric stereo on the example that comes with sharpvision, into out/demo
	@echo "== sharpvision demo photometric --out $(OUT)"
	@mkdir -p $(dir $(OUT))
	@$(BIN)/sharpvision demo photometric --out $(OUT) --overwrite
	@echo "== open $(OUT)/report.html in a browser"

test: $(STAMP)  ## all tests (real photographs: SHARPVISION_DATA, or ../shared/data)
	@echo "== pytest, data: $${SHARPVISION_DATA:-none, tests on real photographs are skipped}"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_OPTIONS)

lint: $(STAMP)  ## ruff, mypy, the import contract and the examples in docstrings
	@echo "== ruff"
	@$(BIN)/ruff check .
	@echo "== mypy"
	@$(BIN)/mypy
	@echo "== import contract"
	@$(BIN)/lint-imports
	@echo "== docstring examples"
	@$(BIN)/python -m pytest --quiet --doctest-modules sharpvision .ci/licences.py

bench: $(STAMP)  ## photometric stereo on ball, cat and reading, rows into bench-out/photometric.json
	@test -n "$$SHARPVISION_DATA" || { echo "error: SHARPVISION_DATA: expected a folder of data sets, found it unset; run: make bench SHARPVISION_DATA=DIR"; exit 2; }
	@mkdir -p bench-out
	@$(BIN)/sharpvision bench photometric --data "$$SHARPVISION_DATA/diligent" --json bench-out/photometric.json

clean:  ## remove the environment and all that was built or written
	rm -rf $(VENV) out bench-out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
