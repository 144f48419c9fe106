# Two commands do everything on a fresh machine: `make run` and `make test`. PYTHON=python3.12 chooses another Python.
# `make bench` measures, and needs nginx beside (apt-get install nginx-light).
PYTHON ?= python3
VENV := .venv
ARGS ?=
# Not empty: make bench in a few minutes, small.
QUICK ?=

.PHONY: run test quick test-python faults lint bench clean
.DELETE_ON_ERROR:

run: $(VENV)/.run
	@exec $(VENV)/bin/timer-service up $(ARGS)

test: $(VENV)/.dev
	$(VENV)/bin/python -m pytest $(ARGS)

# What needs no process of the service and no real store: under a minute.
quick: $(VENV)/.dev
	$(VENV)/bin/python -m pytest -m quick $(ARGS)

# On another Python, in an environment of its own, less what needs another server: make test-python PYTHON=python3.13
test-python:
	$(MAKE) test PYTHON=$(PYTHON) VENV=build/venv-$(shell $(PYTHON) -c 'import sys; print(*sys.version_info[:2], sep=".")') \
	  ARGS="-m 'not elsewhere' $(ARGS)"

# Everything goes wrong on a seeded schedule: `make faults MINUTES=10 SEED=1`; without SEED a new one is drawn and printed.
faults: $(VENV)/.dev
	$(VENV)/bin/python -m tests.faults.run --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(ARGS)

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(VENV)/.bench
	$(VENV)/bin/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed; name it: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/pip setup.cfg pyproject.toml
	@echo "installing ..."
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[fast]' || { \
	  echo "pycurl or pycares cannot be installed here: going on with requests, which is slower"; \
	  $(VENV)/bin/pip install --quiet --disable-pip-version-check -e .; }
	@touch $@

$(VENV)/.dev: $(VENV)/bin/pip setup.cfg pyproject.toml
	@echo "installing with what the tests need ..."
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[fast,dev]'
	@touch $@ $(VENV)/.run

$(VENV)/.bench: $(VENV)/.dev
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[fast,dev,bench]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
