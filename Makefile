# Everything a fresh machine needs is made by the first target that is asked for. PYTHON=python3.12 picks another one.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: grade test instructor models gate bench clean

grade: $(READY)           ## grade exercises/ and show progress across chapters
	@$(BIN)/grader check || test $$? -eq 1
	@$(BIN)/grader

test: $(VENV)/dev             ## the whole test suite: types, style, grader, course
	@$(BIN)/python -m pytest -n 2 --dist loadfile -q

instructor: $(VENV)/instructor  ## what a class needs beside the course: gradebook, nbgrader, service, cluster

models: $(READY)          ## fetch the real models that hands-on sections and some checks use (180 MB)
	@$(BIN)/grader models fetch

gate: $(VENV)/dev         ## the author's quality gate over everything
	@$(BIN)/grader author check --all

bench: $(VENV)/dev        ## speed, as ratios measured in one run
	@$(BIN)/python -m benchmarks

$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once; torch is large) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# A learner needs none of what these bring, such as Jupyter.
$(VENV)/dev: $(READY)
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/instructor: $(READY)
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[instructor,cluster]'
	@touch $@

clean:
	rm -rf $(VENV)
