# Two commands set up a fresh machine: `make demo` does the whole on simulated photos, `make test` checks everything.
# `make check` is for every change: lint, types and the nearest tests, in a minute and a half.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# --data-dir of the demo, so that a crawl of real photos in data/ is never mixed with simulated ones.
DEMO_DATA ?= data
# What the demo makes of the labelled photos besides the classes of jpeg, and the encoders it measures.
VARIANTS := identity sharpen_2 sharpen_4 resize_half resize_double interpolation_bilinear interpolation_bicubic \
  interpolation_lanczos interpolation_box
ENCODERS := mini:plain mini:augmented lite0 control:dct control:colour control:random

.PHONY: demo test check lint types unit site clean

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: export FLICKREXIF_DATA := $(DEMO_DATA)
demo: $(VENV)/.installed
	$(BIN)/flickrexif crawl --month 2024-08 --sandbox --target 300 --minimum 150 --images large
	$(BIN)/flickrexif splits --protocol proportional --attribute Make --attribute Flash --attribute Aperture \
	  --attribute "Is Smartphone" --attribute "ISO Speed"
	$(BIN)/flickrexif simulate $(DEMO_DATA)/simulated-photos --train 8 --val 6
	$(BIN)/flickrexif process $(DEMO_DATA)/simulated-photos --out $(DEMO_DATA)/simulated-traces --parameter jpeg \
	  $(foreach variant,$(VARIANTS),--variant $(variant))
	$(BIN)/flickrexif pairs simulate $(DEMO_DATA)/simulated-pairs --pairs 60
	$(BIN)/flickrexif pairs build $(DEMO_DATA)/simulated-pairs --out $(DEMO_DATA)/paircams
	$(BIN)/flickrexif eval all mitigation --set protocol=fast --set masking.ratios=0,0.5,0.9 \
	  --set mitigation.parameter=resizing \
	  $(foreach encoder,$(ENCODERS),--encoder $(encoder))
	$(BIN)/flickrexif browse $(DEMO_DATA)/flickrexif
	$(BIN)/flickrexif report $(DEMO_DATA)/results

test: lint types unit

check: lint types
	$(BIN)/python -m tests.nearest | xargs $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --seconds 40

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

unit: $(VENV)/.installed
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

# The documentation as a site, in build/site; a link that leads nowhere is an error.
site: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir build/site

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
