PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Compiled once, not by each of the hundreds of processes that the tests start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check format docs bench bench-long bench-peers bench-engines fuzz soak storm clean

# Against the real gateways where a .env with their keys lies here, in the sandbox otherwise.
run: $(VENV)/.run
	@if [ -f .env ]; then exec $(BIN)/anygate serve --config config.yaml; \
	else exec $(BIN)/anygate serve --sandbox; fi

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 4 --dist worksteal

# What the suite tries with a few examples, with FUZZ times as many, other ones each time.
fuzz: $(VENV)/.dev
	FUZZ=$${FUZZ:-50} $(BIN)/python -m pytest -n 2 --dist worksteal -m fuzz -o timeout=3600

# kill -9 on two replicas with one Valkey, ten times each, under two hundred orders.
storm: $(VENV)/.dev
	$(BIN)/python -m tests.storm

# Mixed load with faults upstream for SOAK_SECONDS (ten minutes), and what the proxy holds afterwards.
soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak.soak

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p proxy -p translators

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Every figure of docs/performance.md, against nginx where it is installed: some five minutes on two idle processors.
# `make bench ONLY="plain streams"` prints some; `$(BIN)/python -m bench --list` names them.
bench: $(VENV)/.dev
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

# The same with 500,000 requests and 10,000 broken-off streams.
bench-long: $(VENV)/.dev
	$(BIN)/python -m bench --long $(if $(ONLY),--only $(ONLY))

# LiteLLM, Portkey's gateway and Bifrost, each in an environment of its own under .bench/.
bench-peers: $(VENV)/.dev
	$(BIN)/python -m bench.peers

# The client engines that could stand behind httpx's interface.
bench-engines: $(VENV)/.dev
	$(BIN)/python -m bench.engines

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
