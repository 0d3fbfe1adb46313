# Verbs: setup demo study test lint bench fuzz parity. Each sets up what it needs; a machine needs Python 3.11 or newer and a package index.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TOOLS := .venv/.tools
DIR ?=
DATA ?=
MODEL ?=
export DIR DATA MODEL

.PHONY: setup demo study test lint bench parity fuzz

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

# The figures of the study that this project began with, in docs/study.md; of other data or another model in work/study.md. Some minutes.
# DATA is any folder of pictures with captions (default: flickr8k in SENSORIUM_DATA), as that of MS-COCO 2014.
study: $(READY)
	@$(BIN)/python -c 'import matplotlib, umap' 2>/dev/null || $(BIN)/python -m pip install --quiet --editable '.[evaluate]'
	$(BIN)/python -m sensorium.evaluate.study $(if $(DATA),"$$DATA") $(if $(MODEL),--model "$$MODEL") \
	  --out $(if $(DATA)$(MODEL),work/study,docs/study) --page work/study.html

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
