# make serve, make test: everything else they need, they do.
#   PYTHON=/path/to/python3  use this Python         VENV=.venv-3.11  in an environment of its own
#   SITE=samples             the directory to serve  ARGS="--port 0"  further options of the command
#   ARGS=600                 make fuzz for so many seconds
#   QUICK=1                  make bench in four minutes
VENV ?= .venv
SITE ?= samples
PYTHON_FILES = apache client conf handlers hwebserver interpreters __init__.py httpdapi.py webapiclient.py
LINK = $(VENV)/lib/mod_httpdapy.so
export PYTHON

ifneq ($(PYTHON),)
ifneq ($(PYTHON),$(shell cat $(VENV)/.python 2>/dev/null))
.PHONY: $(VENV)/.ready # made with another Python: make it anew
endif
endif

.PHONY: serve build test docs asan fuzz soak check bench bench-peers bench-check clean

serve: build
	@$(VENV)/bin/httpdapy serve $(SITE) $(ARGS)

build: $(VENV)/.ready $(LINK)
	@$(VENV)/bin/python -m compileall -q $(PYTHON_FILES)

# four at once on two cores: they wait half of their time
test: build $(VENV)/.test-ready
	$(VENV)/bin/python -m pytest -n 4 $(ARGS)

docs: $(VENV)/.docs-ready
	@$(VENV)/bin/python -m mkdocs build --strict && echo build/docs/index.html

asan: build $(VENV)/.test-ready
	setup/asan.sh $(VENV) $(ARGS)

fuzz: build $(VENV)/.test-ready
	setup/fuzz.sh $(VENV) $(ARGS)

soak: build $(VENV)/.test-ready
	$(VENV)/bin/python tests/soak.py $(ARGS)

check: build $(VENV)/.test-ready $(VENV)/.docs-ready
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	cd .typing && ../$(VENV)/bin/mypy --config-file ../pyproject.toml -p httpdapy
	$(VENV)/bin/python -m pytest -q tests/test_layers.py tests/test_docs.py
	$(VENV)/bin/python -m mkdocs build --strict

bench: build
	@$(VENV)/bin/python -m bench $(if $(QUICK),--quick) $(ARGS)

bench-peers: build
	@bench/peers.sh .venv-bench $(VENV)/bin/python

bench-check: build
	@$(VENV)/bin/python -m bench --check $(ARGS)

clean:
	rm -rf .venv .venv-* .typing build .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.ready: $(wildcard setup/*.sh) setup/requirements.txt setup/requirements-build.txt setup/requirements-apache.txt
	@setup/packages.sh && setup/environment.sh $(VENV) && touch $@

$(VENV)/.test-ready: $(VENV)/.ready setup/requirements-test.txt
	@setup/packages.sh test
	@$(VENV)/bin/python -m pip install -q --disable-pip-version-check -r setup/requirements-test.txt && touch $@

$(VENV)/.docs-ready: $(VENV)/.ready setup/requirements-docs.txt
	@$(VENV)/bin/python -m pip install -q --disable-pip-version-check -r setup/requirements-docs.txt && touch $@

$(LINK): $(VENV)/.ready setup/link.sh $(wildcard apache/*.c apache/*.h apache/archive/*.c apache/archive/*.h)
	@setup/link.sh $(VENV) $@
