# `make run` and `make test` set everything up themselves; the second time they start at once.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help run test test-apps lint format clean system-run system-test system-apps

help:
	@echo 'make run        capture from the webcam, or from the synthetic performer where there is no camera'
	@echo 'make test       lint, type check and run the tests'
	@echo 'make test-apps  try files and streams on other programs: Blender, browsers (downloads 400 MB once)'
	@echo 'make lint       lint and type check only'
	@echo 'make format     format the code'
	@echo 'make clean      remove build outputs and caches (the virtual environment stays)'

run: system-run $(VENV)/.installed-run
	@$(BIN)/limelight run

test: system-test lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-apps: system-apps $(VENV)/.installed-test
	@bash scripts/test_apps.sh $(BIN)/python
	$(BIN)/python -m pytest -m apps

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

system-run:
	@bash scripts/system_packages.sh run

system-test:
	@bash scripts/system_packages.sh test

system-apps:
	@bash scripts/system_packages.sh apps

$(BIN)/python:
	@python="$$(bash scripts/find_python.sh)" && echo "limelight: making $(VENV) with $$python" && "$$python" -m venv $(VENV)
	$(PIP) install -q --upgrade pip

$(VENV)/.installed-run: pyproject.toml | $(BIN)/python
	$(PIP) install -q -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(PIP) install -q -e '.[train,dev]'
	@touch $@ $(VENV)/.installed-run
