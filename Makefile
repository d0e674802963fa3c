# Each target makes .venv when it is missing, and brings it up to date when requirements.lock or
# pyproject.toml changed. A run installs what it needs and no more; what the developer's targets need
# besides is added by the first of them. Pass options with ARGS:  make run ARGS="-t AAPL,IBM"
#
# torch is installed first, as pip finds it; on Linux that is the CUDA build, of several GB. To
# choose another, pass pip's options:  make TORCH_ARGS="--index-url ADDRESS" run
# where ADDRESS is the one that PyTorch's installation page gives for the build (cpu, cu130, ...).

VENV := .venv
BIN := $(VENV)/bin
# what runs, what serves, and what tests, checks and documents
STAMP := $(VENV)/.installed
SERVING := $(VENV)/.installed-serve
ALL := $(VENV)/.installed-all
# the lock as constraints: its versions, of what is needed; by pip where uv cannot reach the index
INSTALL = $(BIN)/uv pip install -qq --python $(BIN)/python --constraint requirements.lock --editable ".$(1)" \
	|| $(BIN)/pip install -qq --constraint requirements.lock --editable ".$(1)"
TORCH_ARGS ?=
COMMA := ,
ARGS ?=
WORKERS ?= 3
FITS := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p $(FITS) 2>/dev/null && echo $$p && break; done)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DELETE_ON_ERROR:
.PHONY: help run test nightly mutate reliability audit bench lab dashboard serve docs lint lock resolve wheel clean

help:
	@echo "make run     the whole pipeline on the sample prices, then a table"
	@echo "make test    every test, three files at a time (WORKERS=4 for four)"
	@echo "make nightly the tests that take minutes each"
	@echo "make mutate  small changes to the code, and whether its tests notice (ARGS=gate for one module)"
	@echo "make reliability  every fault of docs/reliability.md, which it writes anew"
	@echo "make bench   speed and memory on this machine, into docs/performance.md (ARGS=--full for all)"
	@echo "make lab     JupyterLab on notebooks/"
	@echo "make dashboard  the page for stakeholders, at http://127.0.0.1:8866"
	@echo "make serve   the HTTP service on port 8000 of this machine"
	@echo "make docs    the documentation site, into build/site"
	@echo "make lint    what is checked before a commit: ruff, mypy, bandit"
	@echo "make audit   look the lock's packages up among known vulnerabilities"
	@echo "make lock    write requirements.lock anew from pyproject.toml (ARGS=--upgrade for new versions)"
	@echo "make wheel   the package, into dist/"
	@echo "make clean   remove .venv"

run: $(STAMP)
	@$(BIN)/stockcast run $(ARGS)

test: $(ALL)
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

nightly: $(ALL)
	@$(BIN)/pytest -m nightly $(ARGS)

mutate: $(ALL)
	@OMP_NUM_THREADS=1 setsid -w nice -n 19 $(BIN)/python -m tests.mutation $(ARGS)

reliability: $(ALL)
	@$(BIN)/python -m pytest -p tests.faults.table -m fault $(ARGS)

bench: $(ALL)
	@$(BIN)/python -m tests.bench $(ARGS)

lab: $(STAMP)
	@$(BIN)/stockcast lab $(ARGS)

dashboard: $(STAMP)
	@$(BIN)/stockcast dashboard $(ARGS)

serve: $(SERVING)
	@$(BIN)/stockcast serve $(ARGS)

docs: $(ALL)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict $(ARGS)
	@echo "The site is build/site/index.html."

lint: $(ALL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive src feature_repo

# asks the package index for advisories, so it needs a network that reaches it
audit: $(ALL)
	$(BIN)/pip-audit --requirement requirements.lock --no-deps --disable-pip $(ARGS)

# The lock must serve every machine: it names torch without the local suffix of one build, and no
# CUDA package, which torch brings along where it needs them.
# --upgrade re-resolves; the two later Pythons must accept the very same versions.
lock:
	@test -x $(BIN)/uv || $(MAKE) --no-print-directory $(STAMP)
	@cp requirements.lock $(VENV)/new.lock 2>/dev/null || true
	@$(BIN)/uv pip compile --quiet --all-extras --python-version 3.11 --no-annotate --no-header \
		--no-emit-package pip $(ARGS) --output-file $(VENV)/new.lock pyproject.toml
	@{ echo "# Written by make lock from pyproject.toml; edit that, not this."; \
		sed -E -e 's/\+[a-z0-9.]+$$//' -e '/^(#|$$|nvidia-|cuda-|triton==)/d' $(VENV)/new.lock; \
		} > requirements.lock
	@$(MAKE) --no-print-directory resolve
	@echo "requirements.lock names $$(grep -c == requirements.lock) packages."

resolve: $(STAMP)
	@for version in 3.11 3.12 3.13; do \
		$(BIN)/uv pip compile -q --python-version $$version --output-file $(VENV)/resolved.$$version \
			requirements.lock && echo "The lock resolves for Python $$version." || exit 1; done

wheel: $(STAMP)
	@$(BIN)/pip wheel -qq --no-deps --wheel-dir dist .
	@ls dist/*.whl

clean:
	rm -rf $(VENV)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "stockcast needs Python 3.11, 3.12 or 3.13, and python3 is" \
		"$$(python3 --version 2>&1); name one with make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) $(FITS) || { echo "stockcast needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is" \
		"$$($(PYTHON) --version 2>&1); name another with make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(BIN)/python $(FITS) 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing torch (1 of 2) ..."
	@$(BIN)/pip install -qq --no-compile $(TORCH_ARGS) "$$(grep '^torch==' requirements.lock)" \
		"$$(grep '^uv==' requirements.lock)"
	@echo "Installing stockcast and what a run needs (2 of 2); this takes a minute or two ..."
	@$(call INSTALL)
	@touch $@

$(SERVING): $(STAMP)
	@echo "Installing what serving needs ..."
	@$(call INSTALL,[serve])
	@touch $@

$(ALL): $(STAMP)
	@echo "Installing what tests, checks and documentation need ..."
	@$(call INSTALL,[serve$(COMMA)cluster$(COMMA)dev])
	@touch $@
