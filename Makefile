# The two commands: `make demo` (the whole circle on this machine; ONCE=1 stops after it) and `make test`
# (JOBS processes: one a core, at most four).
# A machine without a GPU should set TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu, or pip may
# fetch CUDA builds of several GB with torch.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
LOCK := $(shell cat pyproject.toml constraints.txt | sha256sum | cut -c1-16)
STAMP := $(VENV)/.installed-$(LOCK)
BIN := $(VENV)/bin
CONSUMERS_VENV ?= .venv-consumers
CONSUMERS_LOCK := $(shell sha256sum constraints-consumers.txt | cut -c1-16)
CONSUMERS_STAMP := $(CONSUMERS_VENV)/.installed-$(CONSUMERS_LOCK)
ONCE ?=
SEED ?= 0
PORT ?= 8000
DEMO_DIR ?= demo-run
PYTEST_ARGS ?=
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 4 ] && n=4; echo $$n)
KILLS ?= 20
OUT ?=

.PHONY: demo test test-consumers soak lint types translations setup system-packages clean

setup: $(STAMP)

# The environment is reused while the lock files' hash stands; its set-up time is kept in the stamp.
$(STAMP):
	@echo "setting up $(VENV) with $(PYTHON) (once; about 1.5 GB)" >&2
	@start=$$(date +%s); \
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || exit 1; \
	if [ -n "$(TORCH_INDEX_URL)" ]; then \
	  $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt \
	    --index-url "$(TORCH_INDEX_URL)" torch || exit 1; \
	fi; \
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' || exit 1; \
	rm -f $(VENV)/.installed-*; \
	echo $$(( $$(date +%s) - start )) > $@
	@echo "set-up took $$(cat $@) s" >&2

demo: $(STAMP)
	@$(BIN)/python examples/round.py $(DEMO_DIR) --seed $(SEED) --port $(PORT) $(if $(ONCE),--once) \
	  --setup-seconds $$(cat $(STAMP))

# Compiled modules are kept whatever the environment says: tests start our programs a hundred times.
test: system-packages $(STAMP)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# What is exported, read back by other projects' libraries: an environment of their own, without
# torch, reused while its list of versions stands.
test-consumers: $(CONSUMERS_STAMP)
	@$(CONSUMERS_VENV)/bin/python -m pytest tests/consumers $(PYTEST_ARGS)

$(CONSUMERS_STAMP): constraints-consumers.txt
	@echo "setting up $(CONSUMERS_VENV) with $(PYTHON) (once; about 1.1 GB)" >&2
	@test -x $(CONSUMERS_VENV)/bin/python || $(PYTHON) -m venv $(CONSUMERS_VENV)
	@$(CONSUMERS_VENV)/bin/pip install --quiet --disable-pip-version-check -r constraints-consumers.txt
	@$(CONSUMERS_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	@rm -f $(CONSUMERS_VENV)/.installed-* && touch $@

# What takes many minutes: the server killed again and again on both databases (KILLS on each; OUT
# keeps the figures as JSON lines), then thousands of random orders of acts and of API requests.
soak: system-packages $(STAMP)
	@$(BIN)/python -m tests.faults --kills $(KILLS) $(if $(OUT),--out $(OUT))
	@ANNOT_SOAK=1 $(BIN)/python -m pytest --timeout 0 tests/annot_server/test_stateful.py \
	  tests/annot_server/test_stateful_threads.py tests/annot_server/security/test_contract.py

# As root the two system packages that the tests drive are installed where they are missing;
# elsewhere a test that lacks one skips with the reason (and fails when CI=true).
system-packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  missing=""; \
	  command -v chromium >/dev/null || missing="$$missing chromium"; \
	  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	  if [ -n "$$missing" ]; then \
	    echo "installing$$missing" >&2; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
	  fi; \
	fi

lint: $(STAMP)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

# The sentences of the server's pages: see annot_server/translations/babel.cfg.
translations: $(STAMP)
	@cd annot_server && pot=$$(mktemp) && \
	../$(BIN)/pybabel -q extract -F translations/babel.cfg -k marked --no-location --sort-output \
	  -o $$pot . && \
	../$(BIN)/pybabel -q update -i $$pot -d translations --no-fuzzy-matching \
	  --ignore-pot-creation-date --ignore-obsolete && \
	../$(BIN)/pybabel -q compile -d translations; rm -f $$pot

clean:
	rm -rf $(VENV) $(CONSUMERS_VENV) $(DEMO_DIR) build dist *.egg-info
