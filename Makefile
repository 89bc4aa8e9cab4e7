# make setup · demo · test · check · docs · bench · bench-gpu · lock · clean   (CONTRIBUTING.md says what each is for)
# Needs only make and Python 3.11 to 3.13; another interpreter: make setup PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

# pip says what goes wrong, and nothing about the machine it runs on
PIP := PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore $(BIN)/python -m pip -qq
ENSURE_PIP = $(BIN)/python -m ensurepip >$(VENV)/ensurepip.log 2>&1 || { \
	    echo "effscale: $(PYTHON) has no ensurepip: install uv, or your system's python3-venv" >&2; exit 1; }
UV := $(shell command -v uv 2>/dev/null)
UV_TO = -q --python $(BIN)/python

# Fast folders first, so that the first failure comes early; folders not named here follow. Two processes share the
# files; the acceptance tests, which run whole services themselves, then have the machine to themselves.
JOBS ?= 2
FAST := house search models service migrations
ALONE := acceptance
FOLDERS := $(patsubst tests/%/,%,$(wildcard tests/*/))
ORDER := $(filter $(FOLDERS),$(FAST)) $(filter-out $(FAST) $(ALONE) golden benchmarks __pycache__,$(FOLDERS))
# pytest's status when ARGS select no test of those given
NONE_CHOSEN := 5

.PHONY: setup demo test check docs bench bench-gpu lock clean
.DELETE_ON_ERROR:

setup: $(READY)
	@echo "effscale: $(VENV) is ready"

demo: $(READY)
	@$(BIN)/effscale demo $(ARGS)

test: $(READY)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(addprefix tests/,$(ORDER)) $(ARGS) || test $$? = $(NONE_CHOSEN)
	@$(BIN)/python -m pytest $(addprefix tests/,$(ALONE)) $(ARGS) || test $$? = $(NONE_CHOSEN)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m service.store.migrate check
	$(BIN)/python -m pytest -q tests/house/test_lock.py tests/house/test_words.py

docs: $(READY)
	$(BIN)/python -m tests.house.reference

# Rivals have an environment of their own, in the lock's versions where it has them; PyTorch and Keras are in no lock.
# TORCH_PYTHON names another interpreter that has them, or `none`: what then is left out is said.
RIVALS := build/bench
bench: $(READY)
bench-gpu: $(READY)
bench-gpu: GPU := .gpu
bench bench-gpu:
	@test -n "$(TORCH_PYTHON)" || $(MAKE) --no-print-directory $(RIVALS)/.ready || \
	  echo "effscale: build/bench could not be made; the benchmarks say what they leave out" >&2
	@$(BIN)/python -m tests.benchmarks$(GPU) $(ARGS)

$(RIVALS)/.ready: pyproject.toml requirements.lock
	@echo "effscale: installing PyTorch and Keras into $(RIVALS) (up to several GB); TORCH_PYTHON=none leaves them out"
	@set -e; rm -rf $(RIVALS); mkdir -p $(RIVALS); \
	sed -nE 's/^([A-Za-z0-9._-]+)(\[[a-z,]+\])?(==[^\\]*).*/\1\3/p' requirements.lock >build/constraints.txt; \
	$(PYTHON) -m venv $(RIVALS); \
	PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
	  $(RIVALS)/bin/python -m pip -qq install -c build/constraints.txt '.[bench]'; \
	$(RIVALS)/bin/python -m pip -qq uninstall -y effscale; touch $@

# The environment is what the lock says and no more: a changed lock builds it anew, and so does an interrupted set-up.
# Wheels only: to build a source package would fetch what no hash covers.
$(VENV)/.packages: requirements.lock
	@set -e; if cmp -s requirements.lock $(VENV)/.lock; then touch $@; exit 0; fi; \
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "effscale needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is $$($(PYTHON) -V 2>&1);" \
	       "name another with: make setup PYTHON=python3.12" >&2; exit 1; }; \
	echo "effscale: creating $(VENV) with $$($(PYTHON) -V)"; \
	rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV); \
	echo "effscale: installing the packages of requirements.lock (1.2 GB, about a minute)"; \
	if ! { test -n "$(UV)" && "$(UV)" pip sync $(UV_TO) --require-hashes --only-binary :all: requirements.lock; }; then \
	  $(ENSURE_PIP); $(PIP) install --require-hashes --only-binary :all: --no-compile -r requirements.lock; \
	fi; \
	cp requirements.lock $(VENV)/.lock; touch $@

$(READY): $(VENV)/.packages pyproject.toml
	@echo "effscale: installing the effscale command"
	@set -e; if ! { test -n "$(UV)" && "$(UV)" pip install $(UV_TO) --no-deps --no-build-isolation -e .; }; then \
	  $(ENSURE_PIP); $(PIP) install --no-deps --no-build-isolation --no-compile -e .; \
	  $(PIP) uninstall -y pip setuptools; \
	fi
	@echo "effscale: compiling the CPU kernels (20 s)"
	@$(BIN)/python -m models.native >$(VENV)/kernels.log || true  # without a compiler it says so, and XLA's code is used
	@touch $@

# Made by uv, in an environment of its own; `make lock ARGS=--upgrade` takes the newest versions
COMPILE = uv pip compile pyproject.toml -q --universal --python-version 3.11 --generate-hashes --no-header $(ARGS)
lock:
	@test -n "$(UV)" || test -x build/lock/bin/uv || { $(PYTHON) -m venv build/lock && build/lock/bin/pip install -qq uv; }
	@PATH="$(CURDIR)/build/lock/bin:$$PATH"; set -e; \
	$(COMPILE) --extra dev -o requirements.lock >/dev/null; \
	$(COMPILE) --extra parquet --extra postgres -c requirements.lock -o docker/requirements.lock >/dev/null; \
	echo 'hatchling>=1.27' | uv pip compile - -q --universal --python-version 3.11 --generate-hashes --no-header \
	  -c requirements.lock -o docker/requirements-build.lock >/dev/null; \
	$(COMPILE) --extra parquet --extra postgres --extra cuda -c requirements.lock -o docker/requirements-cuda13.lock >/dev/null
	@echo "effscale: requirements.lock and docker/*.lock are written"

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
