.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN ?= runs/demo
SEED ?= 0
JOBS ?= 2

help: ## Lists the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

$(VENV)/installed: pyproject.toml requirements/constraints.txt requirements/compared.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]' -c requirements/constraints.txt
	$(BIN)/python -m pip install --quiet --no-deps -r requirements/compared.txt
	@touch $@

install: $(VENV)/installed ## Creates .venv and installs the package with its dependencies

demo: install ## Generates shapes_small, trains, evaluates, draws; about 18 minutes on 2 cores
	$(BIN)/python train.py experiment=demo seed=$(SEED) hydra.run.dir=$(RUN)
	$(BIN)/python scripts/evaluate.py checkpoint=$(RUN)/checkpoints/last.ckpt \
		data=shapes_small output=$(RUN) pictures=8

# files of tests side by side, each with one thread: with more they would wait for each other
test: install ## Runs the tests, JOBS of them at a time
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

mutants: install ## Breaks the code on purpose, one change at a time: the tests have to notice
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutants/mutants.py --jobs $(JOBS)

lint: install ## Checks style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## Checks types
	$(BIN)/mypy

docs: install ## Builds the pages and the API reference into site/; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

check: lint types docs test ## Everything CI runs

contact-sheets: install ## Draws the pictures of the embedded benchmark
	$(BIN)/python scripts/contact_sheet.py data=shapes_small output=docs/shapes_small.jpg
	$(BIN)/python scripts/contact_sheet.py data=shapes data.root=data/shapes_preview \
		data.train_videos=3 data.num_val_videos=1 rows=3 columns=2 output=docs/shapes.jpg

clean: ## Removes caches and the environment, not data or runs
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist site src/*.egg-info

.PHONY: help install demo test mutants lint types docs check contact-sheets clean
