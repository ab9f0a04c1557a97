# Two commands from a fresh machine: `make demo` (a result and a picture), `make test` (every test).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: demo test check bench validate format clean

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || { echo "make: python3 has no venv module; install it first (Debian, Ubuntu: apt-get install python3-venv)"; exit 1; }
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "make: $$($(PYTHON) --version) is too old; 3.11 or newer is needed (set PYTHON=...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

demo: $(VENV)/.ready  ## the main job on a real network file: table and pictures
	@mkdir -p $(DEMO)
	$(BIN)/python docs/demo.py $(DEMO)

test: $(VENV)/.ready  ## every test
	$(BIN)/python -m pytest -n 2

check: $(VENV)/.ready  ## what the automatic check does: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

bench: $(VENV)/.ready  ## speed, measured against peers in one run
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-disable-gc -p no:xdist -s
	$(BIN)/python benchmarks/commands.py
	$(BIN)/python benchmarks/peers_systolic.py
	$(BIN)/python benchmarks/peers_cachegrind.py
	$(BIN)/python benchmarks/peers_mapper.py

validate: $(VENV)/.ready  ## every study against its measurements, and the pages on accuracy; takes up where it was stopped
	$(BIN)/boardless validate ncnn nasbench201 --page docs/accuracy_cpu.md > /dev/null
	@for page in docs/accuracy_*.py; do echo "$(BIN)/python $$page"; $(BIN)/python $$page || exit 1; done

format: $(VENV)/.ready  ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
