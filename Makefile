# Everything happens in .venv; nothing but Python 3.11 or later and a Rust toolchain is needed beforehand.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(abspath $(VENV)/bin)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := $(shell find Cargo.toml Cargo.lock pyproject.toml README.md LICENSE rust python -type f \
	! -name '*.py[cod]' ! -name '*.so' 2>/dev/null)
PYTHON_FOLDERS := $(wildcard python examples benchmarks)

# Without the first, PEP 517 does not find maturin; the second spares a rebuild of pyo3 from another Python.
export PATH := $(BIN):$(PATH)
export PYO3_PYTHON := $(BIN)/python

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help build demo test mutants leaks lint format bench clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

build: $(VENV)/.built ## build the wheel and install it into .venv

demo: $(VENV)/.built $(VENV)/.extra-demo ## replay a year of flights; ARGS="--flights 5000" for a shorter run
	$(BIN)/python examples/flights.py $(ARGS)

test: $(VENV)/.built $(VENV)/.extra-test ## run the tests, of Rust and of Python; ARGS goes to pytest
	cargo test --workspace --quiet
	$(BIN)/python -m pytest $(ARGS)

mutants: $(VENV)/.built $(VENV)/.extra-test ## show that the model of readers finds each fault made on purpose
	$(BIN)/python tests/mutants.py $(ARGS)

leaks: $(VENV)/.built $(VENV)/.extra-test ## the leak suite, with memray at all rounds: takes long
	LIVEDIRS_LEAK_TRACKED=0 $(BIN)/python -m pytest tests/leak $(ARGS)

lint: $(VENV)/.built $(VENV)/.extra-test $(VENV)/.extra-dev ## rustfmt, clippy, ruff, mypy and stubtest
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict $(PYTHON_FOLDERS)
	$(BIN)/stubtest livedirs --mypy-config-file pyproject.toml

format: $(VENV)/.extra-dev ## rustfmt and ruff, in place
	cargo fmt --all
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.built $(VENV)/.extra-demo ## the benchmarks
	$(BIN)/python benchmarks/first.py $(ARGS)
	$(BIN)/python benchmarks/readers.py $(ARGS)

clean: ## remove what was built
	rm -rf $(VENV) target

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "livedirs needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@command -v cargo >/dev/null || { echo "livedirs needs a Rust toolchain: https://rustup.rs" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install 'maturin>=1.9.4,<2'
	@touch $@

# In place, so that cargo's target folder stays: only what changed is compiled again.
$(VENV)/.built: $(SOURCES) | $(VENV)/.created
	$(PIP) install --no-build-isolation --no-deps --force-reinstall .
	@touch $@

$(VENV)/.extra-%: pyproject.toml | $(VENV)/.built
	$(PIP) install --no-build-isolation '.[$*]'
	@touch $@
