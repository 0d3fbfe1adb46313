# Verbs: setup demo test lint bench fuzz parity. Each sets up what it needs; a machine needs Python 3.11 or newer and a package index.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TOOLS := .venv/.tools
DIR ?=
export DIR

.PHONY: setup demo test lint bench parity fuzz

setup: $(READY)

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

# torch comes first and pinned: whatever is resolved later must not bring another one
$(TOOLS): $(READY) pyproject.toml
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group dev
	touch $@

demo: $(READY)
	@mkdir -p demo
ifeq ($(DIR),)
	$(BIN)/sensorium demo --page demo/index.html
else
	$(BIN)/sensorium demo "$$DIR" --page demo/own.html
endif

test: $(TOOLS)
	$(BIN)/python -m pytest

lint: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(TOOLS)
	@set -e; for script in $$(grep -l __main__ benchmarks/*.py); do echo "$$script"; $(BIN)/python "$$script"; done

# All that is slow about encoders: models of true sizes against transformers, the three of study B in one library, and memory over
# 20,000 encodes. Twenty minutes on two cores, 8 GB of memory, 8 GB of disk below TMPDIR; SENSORIUM_DATA where the data is not in ../shared/data.
parity: $(TOOLS)
	SENSORIUM_SLOW=1 $(BIN)/python -m pytest tests/encoders/convert tests/encoders/test_sessions.py

# ten minutes a reader, or FUZZ_SECONDS; READER=html for one of them. All of them: the long files are read first.
fuzz: $(TOOLS)
	-$(BIN)/python -m pip install --quiet --group fuzz
	$(if $(READER),,SENSORIUM_SLOW=1 $(BIN)/python -m pytest tests/badinput/test_long.py)
	$(BIN)/python tests/fuzz/run.py --seconds $(or $(FUZZ_SECONDS),600) $(READER)
