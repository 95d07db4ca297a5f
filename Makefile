# One command per habit, the same here and in CI. Needs Python 3.11 or later with pip; everything else lands in .venv.

PYTHON ?= python3
BIN := .venv/bin
# a real photo that scikit-image carries in its wheel
PHOTO ?= $(shell $(BIN)/python -c "from importlib.util import find_spec; print(find_spec('skimage').submodule_search_locations[0])" 2>/dev/null)/data/astronaut.png
# uv and not pip: pip may take a torch of this machine on which torchvision does not import
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test fast coverage check format docs bench release

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/base ## recognise the faces of a photo (PHOTO=path) with the bundled model; sets up without torch
	$(BIN)/mien predict $(PHOTO) --out results/demo

test: .venv/full ## set up everything, training included, and run the tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

fast: .venv/full ## the tests but for the slow ones
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m 'not slow'

coverage: .venv/full ## the tests, and the share of src they run through
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --cov --cov-report term:skip-covered

check: .venv/full ## format, lint, types, import rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/full ## put the code into shape
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: .venv/docs ## build the site into site/, offline; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

release: .venv/full ## check, build and tag VERSION=X.Y.Z; DRY=1 commits and tags nothing
	$(BIN)/python tools/release.py release $(VERSION) $(if $(DRY),--dry-run)

bench: .venv/full ## run every script of benchmarks/, each pinned to one core
	@for script in benchmarks/*.py; do echo "== $$script"; OMP_NUM_THREADS=1 $(BIN)/python $$script || exit 1; done

$(BIN)/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "uv>=0.6"

.venv/base: pyproject.toml constraints.txt | $(BIN)/uv
	$(INSTALL) --editable . --group demo
	@touch $@

.venv/full: pyproject.toml constraints.txt | $(BIN)/uv
	$(INSTALL) --editable '.[label-errors,kaggle,study,eval,card,tensorboard,serve,ray]' --group dev
	@touch .venv/base .venv/docs $@

.venv/docs: pyproject.toml constraints.txt | $(BIN)/uv
	$(INSTALL) --editable . --group docs
	@touch $@
