PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test check format docs bench clean

# Against the real gateways where a .env with their keys lies here, in the sandbox otherwise.
run: $(VENV)/.run
	@if [ -f .env ]; then exec $(BIN)/anygate serve --config config.yaml; \
	else exec $(BIN)/anygate serve --sandbox; fi

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 4 --dist worksteal

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p proxy -p translators

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# CPU time a request and a streamed chunk, against nginx where it is installed.
bench: $(VENV)/.dev
	$(BIN)/python bench/chat.py

# The generated parts of the documentation.
docs: $(VENV)/.dev
	$(BIN)/python -m proxy.matrix --write

clean:
	rm -rf $(VENV) .sandbox build *.egg-info .pytest_cache .mypy_cache .ruff_cache

$(VENV)/.run: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[audio]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[audio,dev]'
	@touch $@
