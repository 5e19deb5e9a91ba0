# `make demo` and `make test` need Python >= 3.11 and nothing else; everything lands in .venv.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
DATA ?= ../shared/data
MODEL ?= all-MiniLM-L6-v2

BENCHES := quality unseen cold-start targets speed encoders evaluation dispatch cascades langchain langchain-agents llamaindex selector augmentation

.PHONY: help demo test slow oldest lint types contracts $(BENCHES:%=bench-%) clean

help:  ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.demo $(if $(filter-out ollama http%,$(LIVE)),$(VENV)/.live)  ## route held-out questions in LangChain and LlamaIndex; LIVE=1 asks real models
	$(BIN)/llmrouter demo $(if $(LIVE),--live '$(LIVE)')

test: $(VENV)/.test  ## the tests, without the slow ones
	$(BIN)/python -m pytest -q -m 'not slow'

slow: $(VENV)/.slow  ## the slow tests (installs torch)
	$(BIN)/python -m pytest -q -m slow

oldest: $(VENV)-oldest/.done  ## the LangChain adapter on the oldest langchain-core
	$(VENV)-oldest/bin/python -m pytest -q -m 'not slow' tests/langchain_llmrouter

lint: $(VENV)/.dev  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## types
	$(BIN)/mypy

contracts: $(VENV)/.dev  ## who may import whom
	$(BIN)/lint-imports

bench-quality: $(VENV)/.demo  ## AIQ and APGR on real outcomes, with intervals; DATA=folder of data sets, ENCODER=an exported one
	$(BIN)/python benchmarks/quality.py $(DATA) $(if $(ENCODER),--encoder '$(ENCODER)')

bench-unseen: $(VENV)/.demo  ## domains and models that come later; DATA=folder of data sets, ROUTER=auto, LABELS=0 for all
	$(BIN)/python benchmarks/unseen.py $(DATA) $(if $(ROUTER),--router '$(ROUTER)') $(if $(LABELS),--labels '$(LABELS)')

bench-cold-start: $(VENV)/.demo  ## the prior of demand on questions that real models answered; DATA=folder of data sets
	$(BIN)/python benchmarks/cold_start.py $(DATA)

bench-targets: $(VENV)/.demo  ## promises of cost and quality over 200 calibration splits; DATA=folder of data sets
	$(BIN)/python benchmarks/targets.py $(DATA)

bench-speed: $(VENV)/.demo  ## decisions per second, latency, memory, import times
	$(BIN)/python benchmarks/speed.py

bench-encoders: $(VENV)/.slow  ## decisions on a sentence encoder: torch and ONNX; MODEL=its folder
	$(BIN)/python benchmarks/encoders.py $(DATA) --model $(MODEL)

bench-evaluation: $(VENV)/.demo  ## how evaluation grows: seconds and memory up to 1M x 20
	$(BIN)/python benchmarks/evaluation_scale.py

bench-augmentation: $(VENV)/.demo  ## what augmented training data bring; DATA=folder of data sets
	$(BIN)/python benchmarks/augmentation.py $(DATA)

bench-dispatch: $(VENV)/.demo  ## what an attempt costs over a call by hand
	$(BIN)/python benchmarks/dispatch_overhead.py

bench-cascades: $(VENV)/.demo  ## cascades and hybrids beside predicting; DATA=folder of data sets
	$(BIN)/python benchmarks/cascades.py $(DATA)

bench-langchain: $(VENV)/.test  ## what the LangChain adapter adds to a call
	$(BIN)/python benchmarks/langchain_overhead.py

bench-langchain-agents: $(VENV)/.test  ## LangChain's own agent tests with every model wrapped in the router
	$(BIN)/python -m pip install -q --disable-pip-version-check pytest-mock syrupy blockbuster
	$(BIN)/python benchmarks/langchain_agents.py

bench-llamaindex: $(VENV)/.test  ## what the LlamaIndex adapter adds to a call
	$(BIN)/python benchmarks/llamaindex_overhead.py

bench-selector: $(VENV)/.test  ## selectors of query engines: right, and how fast
	$(BIN)/python benchmarks/selector.py

clean:  ## remove what make made
	rm -rf $(VENV) $(VENV)-oldest demo-output

$(VENV)/bin/python:
	@test -n '$(PYTHON)' || { echo 'Python >= 3.11 is needed; set PYTHON=/path/to/python3'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check 'pip>=25.1'

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[langchain,agents,llamaindex,eval,scorers]'
	@touch $@

$(VENV)/.live: | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check xllamacpp
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	$(BIN)/python -m pip install -q --disable-pip-version-check --group test
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(BIN)/python -m pip install -q --disable-pip-version-check --group dev
	@touch $@

$(VENV)/.slow: $(VENV)/.test $(VENV)/.live
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[torch,onnx-export]'
	@touch $@

$(VENV)-oldest/.done: pyproject.toml
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install -q --disable-pip-version-check -e . 'langchain-core==1.4.0' \
		'langchain-tests>=1.1.9,<2' 'pytest>=8.3' 'pytest-asyncio>=0.25' 'hypothesis>=6.100'
	@touch $@
