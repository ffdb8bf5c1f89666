PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: install browser demo test lint damage mutate kills commands parity clean

install: $(STAMP)

# OpenCV and MediaPipe load the system's libGL; where it is missing and apt can bring it, it does.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
		{ echo "hpe-bench needs Python 3.11 or 3.12: make PYTHON=python3.11 install"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || \
		{ command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq libgl1 libglib2.0-0; } || \
		{ echo "OpenCV needs the system's libGL: sudo apt-get install libgl1 libglib2.0-0"; exit 1; }
	@touch $(STAMP)

# The tests that look at a report in a browser skip without one.
browser:
	apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium

demo: install
	$(BIN)/hpe-bench train nlml --as demo -d identities=30 -o encoder_epochs=3 -o epochs=10
	$(BIN)/hpe-bench eval nlml:weights=demo nlml-tensor:weights=demo nlml nlml-tensor procrustes zero random oracle \
		--dataset synthetic
	@if [ -d "$${HPE_BENCH_DATASETS:-datasets}/AFLW2000" ]; then $(BIN)/hpe-bench eval --dataset aflw2000; fi

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n auto

# Every kind of file that is read, damaged in thousands of ways; `make test` has a few.
damage: install
	HPE_BENCH_DAMAGES=$${HPE_BENCH_DAMAGES:-3000} $(BIN)/pytest -n auto tests/test_damage.py

# Mutants of the core that no test notices: make mutate, or make mutate MODULE=pose; the list is tests/mutation/modules.toml.
mutate: install
	nice $(BIN)/python tests/mutation/mutate.py $(MODULE)

# Real commands, killed at random moments and finished: make kills N=20 COMMANDS="eval biwi" SEED=1
kills: install
	$(BIN)/python tests/kills/campaign.py $(COMMANDS) $(if $(N),--kills $(N)) $(if $(SEED),--seed $(SEED))

# Each command of docs/original-commands.md by itself, with networks of full size; `make test` gives several at once to
# small ones.
commands: install
	HPE_BENCH_ORIGINALS_WHOLE=1 $(BIN)/pytest tests/test_original_commands.py

# Every figure of docs/originals.md, computed again; `make test` computes some.
parity: install
	HPE_BENCH_PARITY=1 $(BIN)/pytest -n auto tests/test_originals.py tests/plugins/estimators/test_original_networks.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
