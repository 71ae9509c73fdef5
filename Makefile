# `make validate` and `make test` work on a machine that has Python 3.11 to 3.13 and nothing else.
PYTHON ?= python3
VENV ?= .venv
CONFIG ?= configs/demo.yml
ARGS ?=
SET ?=
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup validate test test-shared lint bench bench-growth campaign init-table seeds demo-model diagnose-table zoo lock audit release clean

setup: $(READY)

# The lock file pins every dependency with its hash; the project itself is installed in place, without looking further.
# Nothing is compiled in advance: most modules of the frameworks are never imported.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "Python 3.11 to 3.13 is needed, this is " + sys.version'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(READY)

# The original model is fetched where the configuration names an archive, the IR converted where it is missing or stale.
validate: $(READY)
	@$(BIN)/harness fetch $(CONFIG) --if-needed $(SET)
	@$(BIN)/harness convert $(CONFIG) --if-needed $(SET)
	@$(BIN)/harness validate $(CONFIG) $(SET) $(ARGS)

# Two processes; a file's tests stay in one, so that what they share is made once. tests/conftest.py sets the order of files.
PARALLEL ?= -n 2 --dist loadfile --no-loadscope-reorder

test: $(READY)
	$(BIN)/python -m pytest -m "not shared and not walk" $(PARALLEL) $(ARGS)

# Real weights and real images, where they lie beside the project (../shared).
test-shared: $(READY)
	$(BIN)/python -m pytest -m shared $(PARALLEL) $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Known vulnerabilities of what the lock file pins; pip-audit lives in a folder of its own.
AUDIT := build/audit/bin/pip-audit
audit: $(AUDIT)
	$(PYTHON) .ci/audit.py $(AUDIT) requirements.lock

$(AUDIT):
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check --no-compile pip-audit==2.10.1

# The documentation site: build/docs/site/index.html. Sphinx lives in a folder of its own; a broken link is an error.
DOCS := build/docs-tools
.PHONY: docs walks
docs: $(READY) $(DOCS)/.ready
	$(BIN)/python .ci/docs.py $(DOCS)/bin/python

$(DOCS)/.ready: docs/requirements.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r docs/requirements.txt
	touch $@

# Every command of the tutorials and how-to guides, typed in a fresh folder. They are one file, and share only a demo.
walks: $(READY)
	$(BIN)/python -m pytest -m walk tests/docs $(PARALLEL:loadfile=worksteal) $(ARGS)

bench: $(READY)
	$(BIN)/python -m harness.bench $(CONFIG) $(SET) $(ARGS)

# The cost as work grows: 1 to 12 candidates, up to 50,000 images, one and all cores. Hours; ARGS=--reduced takes minutes.
bench-growth: $(READY)
	$(BIN)/python -m harness.bench.growth $(CONFIG) $(SET) $(ARGS)

MODELS := ../shared/models
TEST_BED_MODELS := $(MODELS)/mobilenet_v2_1.0_224_frozen.pb $(wildcard $(MODELS)/mobilenet_v1_0.25_224/*) \
  $(MODELS)/mobilenet_v1_0.25_128_quant.tflite $(wildcard $(MODELS)/*/*.xml)

# What `harness init` finds for each model of the test bed: the table of docs/init.md.
init-table: $(READY)
	$(BIN)/python -m harness.bench.proposals $(TEST_BED_MODELS) --images ../shared/imagenet/val \
	  --labels ../shared/imagenet/val.txt --into docs/init.md $(ARGS)

# Mutations of everything that is read, and runs killed at random moments: docs/reliability.md. About half an hour.
# ARGS='--keep FILE' goes on where it was stopped; ARGS='--kind SavedModel --seed 5' tries others of one kind.
campaign: $(READY)
	$(BIN)/python -m tests.campaign.run $(ARGS)
	$(BIN)/python -m tests.campaign.kills

# How often faithful candidates pass parity and stability on random images: a table of docs/devices.md. About fifteen
# minutes; each seed's verdicts are kept, so that it goes on where it was stopped. ARGS='--at-once 4' runs four more.
seeds: $(READY)
	$(BIN)/harness convert configs/devices.yml --if-needed $(SET)
	$(BIN)/python -m harness.bench.seeds configs/devices.yml --kept build/seeds.json $(SET) $(ARGS)

demo-model: $(READY)
	$(BIN)/python datasets/demo/make.py
	$(BIN)/python datasets/demo/train.py

# Every fault of the self-test, planted into the demo and asked for: the table of docs/diagnose.md. About four minutes.
diagnose-table: $(READY)
	$(BIN)/python -m harness.diagnosis.table configs/demo.yml --page docs/diagnose.md --mark demo $(ARGS)

# The catalogue, from a folder of public Accuracy Checker files.
ZOO ?= ../shared/accuracy-check
zoo: $(READY)
	$(BIN)/python configs/zoo/make.py $(ZOO)

# `uv` makes the lock; nobody else needs it. PyTorch is left out: docs/dependencies.md.
EXTRAS := tensorflow openvino keras onnx litert to-onnx int8 ray remote s3
lock:
	uv pip compile pyproject.toml $(EXTRAS:%=--extra %) --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock
	uv pip compile docs/requirements.in --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o docs/requirements.txt

# Wheel, source distribution, checksums and tag of this commit; ARGS=--dry-run sets no tag. Nothing is uploaded.
release: $(READY)
	$(BIN)/python .ci/release.py $(ARGS)

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
