# make demo and make test each do everything from a fresh clone; both may be run again at any time.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
EDGENAS := $(BIN)/edgenas
DEMO := runs/demo
# The demo keeps its measurements and its predictor of this machine inside the clone.
export EDGENAS_HOME ?= $(CURDIR)/.edgenas

.PHONY: help setup demo test lint docs clean predictors
DATA ?= ../shared/data/latency

help:
	@echo "make demo   profile this machine, search, train, export, report (about 10 minutes)"
	@echo "make test   run the tests"
	@echo "make lint   ruff and mypy"
	@echo "make docs   run every block of the documents, build them into site/, strictly"
	@echo "make predictors DATA=FOLDER   fit the shipped latency predictors again from the public tables"
	@echo "make clean  remove what demo and test made, but not the virtual environment"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "edgenas needs Python 3.11, 3.12 or 3.13; none is on the PATH."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: setup
	$(EDGENAS) profile --device host --seconds 150
	if test -e $(DEMO)/config.json; then $(EDGENAS) search --resume $(DEMO); \
	else $(EDGENAS) search --out $(DEMO) --data rooms --space demo --device host --trials 12 --iterations 440 --frames 800; fi
	$(EDGENAS) train $(DEMO) --iterations 900
	$(EDGENAS) export --int8 $(DEMO)
	$(EDGENAS) predict $(DEMO)/export/edgenas_*_int8.tflite --device host
	$(EDGENAS) profile --device edgetpu
	$(EDGENAS) report $(DEMO)
	@echo "Open $(DEMO)/report.html. To use this machine's predictor elsewhere: export EDGENAS_HOME=$(EDGENAS_HOME)"

test: setup
	# Two processes with two BLAS threads each on two cores take twice as long.
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	bash .ci/types $(BIN)

docs: setup
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m pages tests/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

clean:
	rm -rf runs .edgenas build site dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

predictors: setup
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(EDGENAS) latency fit all --data $(DATA) --out latency_models/trained \
	  --readme latency_models/README.md
