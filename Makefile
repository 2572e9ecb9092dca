# Two commands set up a fresh machine: `make demo` shows the main job, `make test` checks everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# --data-dir of the demo, so that a crawl of real photos in data/ is never mixed with simulated ones.
DEMO_DATA ?= data

.PHONY: demo test lint types unit bench clean

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(VENV)/.installed
	$(BIN)/flickrexif crawl --month 2024-08 --sandbox --target 600 --minimum 300 --data-dir $(DEMO_DATA)
	$(BIN)/python -c "from flickrexif import load_dataset; print(load_dataset('flickrexif', data_dir='$(DEMO_DATA)'))"

test: lint types unit

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

unit: $(VENV)/.installed
	$(BIN)/pytest

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
