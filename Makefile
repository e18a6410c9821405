# `make demo` and `make test` need Python >= 3.11 and nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test wheel soak bench gpu check docs docs-build baseline pictures clean

# Two jobs: small networks lose by sharing a step between cores.
demo: .venv/installed
	$(BIN)/bench run --methods average,ssan,sepconv,dain --dataset phantom --losses l1 \
	  --segmenter-steps 300 --jobs 2

test: .venv/installed-dev
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --durations 25

# The package as it is installed from its wheel, without this checkout.
wheel:
	PYTHON=$(PYTHON) tests/wheel.sh

# For instance ARGS='--only scoring loss --size 128'; what there is: ARGS=--help.
bench: .venv/installed-dev
	PYTHONPATH=.:tests $(BIN)/python -m speed $(ARGS)

# What a CUDA card computes, and how fast, in ten minutes; ARGS=--show prints what was measured.
gpu: .venv/installed-dev
	PYTHONPATH=.:tests $(BIN)/python -m gpu $(ARGS)

# A sample of it: SOAK=0.1.
SOAK ?= 1
soak: .venv/installed-dev
	SOAK=$(SOAK) $(BIN)/pytest tests/reliability --timeout 7200 -q

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documents as a site, in build/site; any broken link, anchor or reference fails.
docs-build: .venv/installed-dev
	$(BIN)/python docs/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

docs: docs-build
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site 8000

# Weights and accepted figures of the gate, anew (docs/how-to/ci-gate.md).
NETWORKS := ssan sepconv dain
baseline: .venv/installed
	test -n "$(REASON)" || { echo 'make baseline REASON="why the figures change"'; exit 2; }
	rm -rf build/baseline
	$(BIN)/bench run --config configs/ci_weights.toml --data build/baseline/data --out build/baseline
	for name in $(NETWORKS); do \
	  cp build/baseline/runs/phantom_small/$$name*/weights.safetensors results/baselines/$$name.safetensors || exit 1; \
	done
	$(BIN)/bench check --baseline results/baselines/ci.json --config configs/ci.toml --accept --reason "$(REASON)"

# The pictures of the documentation, anew, from SNEMI3D AC4: AC4=folder with its two files.
# A segmenter of 500 steps finds fewer membranes than that of the reference: it is an example.
PICTURES := build/pictures
pictures: .venv/installed-dev
	test -n "$(AC4)" || { echo 'make pictures AC4=folder (of train-input.tif and train-labels.tif)'; exit 2; }
	$(BIN)/bench data build mouse_triplet --source $(AC4)/train-input.tif --labels $(AC4)/train-labels.tif \
	  --data $(PICTURES)/data
	$(BIN)/bench run --methods average,dis --dataset mouse_triplet --segmenter-steps 500 --threads 1 \
	  --data $(PICTURES)/data --out $(PICTURES)
	PYTHONPATH=.:tests $(BIN)/python tests/filled_picture.py --dataset mouse_triplet --data $(PICTURES)/data \
	  --source $(AC4)/train-input.tif --method dis --out docs/images/filled.png
	PYTHONPATH=.:tests $(BIN)/python tests/neurite_picture.py --dataset mouse_triplet --data $(PICTURES)/data \
	  --results $(PICTURES) --methods dis,average --out docs/images/neurites.png
	$(BIN)/bench repair $(AC4)/train-input.tif --region 30:55,:,: --sheet docs/images/repair.png
	mkdir -p $(PICTURES)/budget && cp -r results/reference/neurons/runs $(PICTURES)/budget
	$(BIN)/bench report --out $(PICTURES)/budget --figures budget --dataset mouse_triplet
	cp $(PICTURES)/budget/report/figures/budget-mouse_triplet.png docs/images/budget.png

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "interslice needs Python >= 3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
