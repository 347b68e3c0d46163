# `make help` lists what there is. Everything is built in .venv; nothing outside the checkout is touched, except that on a
# Debian machine, as root, system libraries that are missing are installed (scripts/system_libraries.py).

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
# Threads of torch that spin while they wait starve everything else; the package sets this too, unless torch is imported first.
export OMP_WAIT_POLICY ?= PASSIVE
.DEFAULT_GOAL := help

# The first Python of at least 3.11; `make PYTHON=/path/to/python3.12 ...` takes another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
RUN := .venv/bin
EVERYTHING := .[all,anndata,evaluate,test,dev]
ON_SCREEN := $(shell [ "$$(uname)" != Linux ] || [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ] && echo yes)
WINDOW_ONLY := $(if $(ON_SCREEN),$(if $(filter-out demo,$(MAKECMDGOALS)),,--window-only))
# Tests never open windows on the user's screen where a virtual one can be had.
VIRTUAL := $(shell [ "$$(uname)" != Linux ] || echo 'xvfb-run -a -s "-screen 0 1600x1000x24"')
PYTEST := $(VIRTUAL) $(RUN)/python -m pytest
# Tests that open windows, those of what runs without Qt, and all others.
WINDOWS := tests/widgets
NO_QT := tests/cli tests/test_without_qt.py
ELSE := $(addprefix --ignore=,$(WINDOWS) $(NO_QT))
PYTEST_NOQT := .venv-noqt/bin/python scripts/assert_no_qt.py && .venv-noqt/bin/python -m pytest -p no:napari \
	-W ignore::pytest.PytestConfigWarning -m "not slow" $(NO_QT)

# Installs $(2) into the environment $(1) at the versions of constraints.txt: with uv, else with pip.
define install
if [ -x $(RUN)/uv ] && $(RUN)/uv pip install --python $(1)/bin/python $(2) -c constraints.txt; then :; \
else $(1)/bin/python -m pip install $(2) -c constraints.txt; fi
endef

.PHONY: help demo test test-slow lint test-noqt demo-models evaluation confirmation screens nucleus-detector constraints system clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/installed ## open napari on a simulated plate (without a display: write demo-output/)
ifeq ($(ON_SCREEN),yes)
	$(RUN)/napari-mid demo
else
	$(VIRTUAL) $(RUN)/napari-mid demo --out demo-output
endif

# Windows wait more than they compute, so all other tests run beside theirs; what those told is shown at the end. The command line
# is tested without Qt alone.
test: lint .venv-noqt/installed ## style, types, layers, then all tests but the slow ones
	$(RUN)/python scripts/at_once.py '$(PYTEST) -m "not slow" $(WINDOWS)' \
	'status=0; { $(PYTEST_NOQT); } || status=1; $(RUN)/python -m pytest -m "not slow" $(ELSE) || status=1; exit $$status'

test-slow: .venv/installed ## the slow tests: whole trainings
	$(PYTEST) -m slow

lint: .venv/installed ## style, types, the direction of imports, the manifest
	$(RUN)/ruff check --no-cache .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/npe2 validate napari-mid

test-noqt: .venv-noqt/installed ## the core and the command line with no Qt binding installed
	$(PYTEST_NOQT)

demo-models: .venv/installed ## train the demo models that ship with the package: 15 minutes each
	$(RUN)/python scripts/make_demo_model.py demo
	$(RUN)/python scripts/make_demo_model.py demo-mitotox

evaluation: .venv/installed ## the evaluation on real pixels (DATA=folder of bbbc013)
	$(RUN)/python benchmarks/evaluation/bbbc013.py --data $(or $(DATA),../shared/data/bbbc013) --out evaluation-output/bbbc013

confirmation: .venv/installed ## MID beside all baselines on a screen fixed beforehand (WORK=folder): an hour and a half on two cores
	$(RUN)/python benchmarks/evaluation/screens.py confirmation --all-baselines --network-steps 1200 --work $(or $(WORK),evaluation-output/confirmation)

screens: .venv/installed ## relevance on simulated screens with known truth (WORK=folder): an hour and more on two cores
	$(RUN)/python benchmarks/evaluation/screens.py easy hard --work $(or $(WORK),evaluation-output/screens)

nucleus-detector: .venv/installed ## train the learned nucleus detector (DATA=folder with images/ and labels/)
	$(RUN)/python scripts/nucleus_detector/make.py --data $(DATA)

constraints: .venv/installed ## write constraints.txt anew, with the newest versions that fit
	$(RUN)/python scripts/make_constraints.py

clean: ## remove everything that make built
	rm -rf .venv .venv-noqt demo-output evaluation-output dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f src/napari_mid/napari.yaml
	find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

system:
ifeq ($(PYTHON),)
	@echo 'Python 3.11 or newer was not found; install it, or name it: make PYTHON=/path/to/python3' >&2; exit 1
endif
	@$(PYTHON) scripts/system_libraries.py $(WINDOW_ONLY)

.venv/bin/python: | system
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt scripts/hatch_build.py src/napari_mid/napari.yaml | system .venv/bin/python
	[ -x $(RUN)/uv ] || $(RUN)/python -m pip install --quiet uv || echo 'uv is not to be had here; pip does the same, more slowly'
	$(call install,.venv,-e "$(EVERYTHING)")
	touch $@

.venv-noqt/installed: .venv/installed
	$(PYTHON) -m venv --clear .venv-noqt
	$(call install,.venv-noqt,-e . pytest hypothesis pytest-timeout)
	touch $@

# napari looks for the manifest inside the package; the one at the root is the one to edit.
src/napari_mid/napari.yaml: napari.yaml
	cp $< $@
