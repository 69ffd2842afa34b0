# Everything a newcomer needs: `make demo`, `make test`. All set themselves up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TYPES := $(BIN)/basedpyright --pythonpath $(BIN)/python
# Whose examples in docstrings are run.
EXAMPLES := $(shell grep -rl --include=*.py '>>> ' relight pipelines ui examples)

.PHONY: demo ui test test-slow test-soak lint clean

demo: $(INSTALLED)
	@$(BIN)/python -m examples.demo

ui: $(INSTALLED)
	@$(BIN)/relight ui

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(TYPES)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow" --cov --cov-report=term:skip-covered
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --doctest-modules $(EXAMPLES)

# What takes seconds rather than less: CI runs it, too.
test-slow: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "slow and not soak"

# What takes minutes, or a machine of its own.
test-soak: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m soak

lint: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/typos
	$(TYPES)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "relight needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check torch -c constraints.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]' -c constraints.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps spandrel einops -c constraints.txt  # without torchvision, which it asks for and we don't need
	@touch $@

clean:
	rm -rf $(VENV) out .pytest_cache .ruff_cache *.egg-info
