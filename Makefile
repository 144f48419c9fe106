# Two commands do everything on a fresh machine: `make run` and `make test`. PYTHON=python3.12 chooses another Python.
# `make bench` measures, and needs nginx beside (apt-get install nginx-light).
PYTHON ?= python3
VENV := .venv
ARGS ?=
# Not empty: make bench in a few minutes, small.
QUICK ?=

# Pinned and hashed; the same for Python 3.11 and later on every platform. setuptools is among them, so that installing
# ourselves needs no build environment, for which pip would fetch it without a hash.
HASHED = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
PYTEST = $(VENV)/bin/python -m pytest
OURSELVES = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
DECLARED = setup.cfg pyproject.toml scheduler/version.py
UV = build/venv-uv/bin/uv
COMPILE = $(UV) pip compile --quiet --no-strip-extras --system-certs --universal --python-version 3.11

# The tests start hundreds of processes: where this is set each compiles us anew, which is a third of what its start costs.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run cluster test quick clock test-python django-suite test-oldest faults faults-cluster rolling replacing format screenshots dashboard lint package bench conformance upgrade clean
.DELETE_ON_ERROR:

run: $(VENV)/.run
	@exec $(VENV)/bin/timer-service up $(ARGS)

# Three or four at once, for most tests wait, those of processes the most. Whole files: what a file shares is made once.
FILES = --dist loadfile --no-loadscope-reorder
# The part of the tests that is asked for; of all of them, the part of all branches that is reached in the tests' own process.
ONLY ?= quick or servers or processes
COVERED = $(if $(filter file,$(origin ONLY)),--cov --cov-fail-under=86.5)

# All tests, or those that ARGS names. Those that watch a clock have the machine to themselves, at the end.
test: $(VENV)/.dev
ifeq ($(ARGS),)
	$(PYTEST) -n 3 $(FILES) -m "(quick or servers) and not clock and ($(ONLY))" $(COVERED)
	$(PYTEST) -n 4 $(FILES) -m "processes and not clock and ($(ONLY))"
	$(PYTEST) -m "clock and ($(ONLY))"
else
	$(PYTEST) $(ARGS)
endif

# A real cluster on this machine until Ctrl-C, 3 masters and 3 replicas: ARGS="--server redis" is Debian's Redis. It says
# how `make run` is told of it.
cluster: $(VENV)/.dev
	@exec $(VENV)/bin/python -m tests.bench.cluster $(ARGS)

# What needs no process of the service and no real store: one or two minutes.
quick: $(VENV)/.dev
	$(PYTEST) -n 2 $(FILES) -m quick $(ARGS)

# Those that watch a clock, TIMES times: make clock TIMES=20
clock: $(VENV)/.dev
	for time in $$(seq $(or $(TIMES),1)); do $(PYTEST) -m clock $(ARGS) || exit 1; done

# On another Python, in an environment of its own, less what needs another server: make test-python PYTHON=python3.13
FURTHER = build/venv-$(shell $(PYTHON) -c 'import sys; print(*sys.version_info[:2], sep=".")')
test-python:
	$(MAKE) test PYTHON=$(PYTHON) VENV=$(FURTHER) ONLY="not elsewhere"

# Django's own tests of backends for tasks, against ours; Django 6 needs Python 3.12: make django-suite PYTHON=python3.13
django-suite:
	$(MAKE) $(FURTHER)/.dev PYTHON=$(PYTHON) VENV=$(FURTHER)
	$(FURTHER)/bin/python -m tests.django.suite

# Everything goes wrong on a seeded schedule: `make faults MINUTES=10 SEED=1`; without SEED a new one is drawn and printed.
faults: $(VENV)/.dev
	$(VENV)/bin/python -m tests.faults.run --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(ARGS)

# The same on a real cluster, whose masters die, freeze and hand over and whose slots move; then planted bugs, which must be
# seen: make faults-cluster MINUTES=5 SEED=1
faults-cluster: $(VENV)/.dev
	$(VENV)/bin/python -m tests.faults.cluster.run --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED)) $(ARGS)
	$(VENV)/bin/python -m tests.faults.cluster.stories

# This version and that of a commit on one store, under load, rolled in and out: make rolling OLD=v0.2.0
rolling: $(VENV)/.dev
	$(VENV)/bin/python -m tests.faults.rolling $(if $(OLD),--old $(OLD)) $(ARGS)

# Each part is replaced behind nginx while clients set timers; refused calls are counted. Needs nginx-light.
replacing: $(VENV)/.dev
	$(VENV)/bin/python -m tests.faults.replacing $(ARGS)

# What this version stores, as files that every later version has to read: once for a release, by its version.
format: $(VENV)/.dev
	$(VENV)/bin/python -m tests.store.formats.make $(ARGS)

# Each view of the page as a picture, of a service that does real work: docs/screenshots. Needs chromium, pngquant, fonts-inter.
screenshots: $(VENV)/.dev
	$(VENV)/bin/python -m tests.pages.screenshots $(ARGS)

# The dashboard's panels over a run of four minutes, evaluated by Prometheus: docs/screenshots/dashboard.png.
dashboard: $(VENV)/.dev
	$(VENV)/bin/python -m tests.monitoring.picture $(ARGS)

lint: $(VENV)/.dev
	@command -v luacheck >/dev/null || { \
	  echo "luacheck is needed, which checks the Lua; on Debian and Ubuntu: apt install lua-check"; exit 1; }
	luacheck --quiet scheduler/store/lua
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# With the oldest versions that setup.cfg allows: older ones were tried, and let through what must be refused.
OLDEST = build/venv-oldest
test-oldest: $(UV)
	@$(PYTHON) -m venv $(OLDEST)
	@$(COMPILE) --strip-extras --resolution lowest-direct --extra up --extra fast --extra async --extra sqlalchemy --extra django \
	  -o build/oldest.txt setup.cfg
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check -c build/oldest.txt -e '.[dev]'
	$(OLDEST)/bin/python -m pytest -n 2 $(FILES) -m quick $(ARGS)
	$(OLDEST)/bin/python -m pytest tests/packaging tests/delivery/test_hostile_answers.py tests/delivery/test_transport.py \
	  tests/once $(ARGS)

# Builds the sdist and the wheel, installs them where nothing of this checkout is, and uses them there.
package: $(VENV)/.dev
	$(VENV)/bin/python -m pytest tests/packaging/installed.py $(ARGS)

bench: $(VENV)/.bench
	$(VENV)/bin/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

# Which moments cron expressions name around changes of clocks, in every time zone, by us and by others: a table.
conformance: $(VENV)/.bench
	$(VENV)/bin/python -m benchmarks.recurrence

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed; name it: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/pip $(DECLARED) requirements/build.txt requirements/up.txt requirements/fast.txt
	@echo "installing ..."
	@$(HASHED) -r requirements/up.txt -r requirements/fast.txt 2>$(VENV)/pip.log || { \
	  echo "pycares cannot be installed here ($(VENV)/pip.log says why): going on with look-ups in threads"; \
	  $(HASHED) -r requirements/up.txt; }
	@$(OURSELVES)
	@touch $@

$(VENV)/.dev: $(VENV)/bin/pip $(DECLARED) requirements/build.txt requirements/dev.txt
	@echo "installing with what the tests need ..."
	@$(HASHED) -r requirements/dev.txt
	@$(OURSELVES)
	@touch $@ $(VENV)/.run

$(VENV)/.bench: $(VENV)/.dev requirements/bench.txt
	@$(HASHED) -r requirements/bench.txt
	@touch $@

# Resolves for every Python and platform at once, which pip does not. It runs in an environment of its own.
$(UV):
	@$(PYTHON) -m venv build/venv-uv
	@build/venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv

# The newest versions within the bounds of setup.cfg, with the hashes of every platform's files. First those of the
# tests, which are a superset of the others but one; then the others at the same versions.
PIN = $(COMPILE) --upgrade --generate-hashes --custom-compile-command 'make upgrade'
upgrade: $(UV)
	@echo setuptools | $(PIN) -o requirements/build.txt -
	@$(PIN) --extra up --extra fast --extra dev -o requirements/dev.txt setup.cfg
	@for extra in up fast bench; do \
	  $(PIN) --constraints requirements/dev.txt --extra $$extra -o requirements/$$extra.txt setup.cfg || exit 1; done
	@$(PIN) --constraints requirements/dev.txt --extra fast --extra history -o requirements/image.txt setup.cfg
	@git --no-pager diff --stat requirements

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
