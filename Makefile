# The project's commands; `make` alone lists them. Each sets up what it needs, and skips what is there.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export LAB_BUILD := $(CURDIR)/build
LAB_NAME ?= sfd-lab
export LAB_NAME
# Runs one phase of a target, and says how long it took.
phase = @lab/phase
# `make lab` and `make test` may run side by side: with flock, one at a time sets up what both need.

.PHONY: help
help: ## list the commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

$(VENV)/.installed: requirements.txt
	@lab/bootstrap.sh python
	@python3 -m venv $(VENV)
	@pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@touch $@

.PHONY: environment
environment: ## set up the Python environment
	@mkdir -p build
	$(phase) "Python environment" flock build/lock $(MAKE) $(VENV)/.installed

.PHONY: engine
engine: environment
	$(phase) "Debian packages" flock build/lock lab/bootstrap.sh lab
	$(phase) "Docker engine" lab/lab.py engine-up
	$(phase) "Images" flock build/lock lab/lab.py images

.PHONY: lab
lab: engine ## bring up the lab, provision it, and probe it
	$(phase) "Lab's hosts" ansible-playbook lab/create.yml
	$(phase) "site.yml" ansible-playbook site.yml
	@$(MAKE) verify

.PHONY: verify
verify: ## probe the running lab, or INVENTORY=...: a table, build/verify.json and build/verify.html
	@mkdir -p build && rm -f build/verify.json build/verify.html
	$(phase) "Probes" bash -o pipefail -c 'ansible-playbook $(if $(INVENTORY),-i $(INVENTORY)) $(ASK) playbooks/verify.yml 2>&1 | \
	  lab/progress.py >build/verify.log || test -e build/verify.json || { cat build/verify.log; exit 1; }'
	@lab/report.py build/verify.json

.PHONY: pictures
pictures: ## take pictures of the running lab's web pages, with a browser on its client: build/www1.png ...
	$(phase) "Pictures" ansible-playbook lab/pictures.yml

.PHONY: lab-down
lab-down: ## remove the lab
	@if docker info >/dev/null 2>&1; then ansible-playbook lab/destroy.yml; fi
	@lab/lab.py engine-down

.PHONY: secrets
secrets: environment ## make the secrets of real hosts, encrypted: make secrets INVENTORY=inventory/mine
	@lab/make_secrets.py $(INVENTORY)

.PHONY: docs
docs: environment ## write the roles' README.md from their argument_specs
	@docs/role_readmes.py

.PHONY: lint
lint: environment ## check style and syntax
	$(phase) "Lint: yaml" yamllint --strict .
	$(phase) "Lint: ansible" ansible-lint --offline --strict
	$(phase) "Lint: python" ruff check .
	$(phase) "Format: python" ruff format --check .

.PHONY: unit
unit: environment ## run the unit tests
	$(phase) "Unit tests" pytest --quiet --numprocesses auto --dist loadfile

SCENARIOS := molecule-default molecule-swapped
# All that is given side by side, since the tests of a scenario mostly wait. The output of each comes in one piece, as soon as
# it has ended; what failed in a scenario is kept by its tests, to be read after all of that, not 1,000 lines before.
side-by-side = @rm -f build/*.failed; $(MAKE) --jobs --keep-going --output-sync=target $(1) || \
  { cat build/*.failed 2>/dev/null; exit 1; }

.PHONY: $(SCENARIOS)
$(SCENARIOS): molecule-%: engine
	$(phase) "Molecule: $*" molecule test --scenario-name $*

.PHONY: molecule
molecule: ## run the Molecule scenarios
	$(call side-by-side,$(SCENARIOS))

.PHONY: test
test: ## everything that CI runs
	$(call side-by-side,lint unit $(SCENARIOS))
	@lab/lab.py engine-down

.PHONY: faults
faults: ## the slow proofs, on the running lab: kills, bad edits, rebuilt hosts
	$(phase) "Faults" pytest --quiet tests/faults
	$(phase) "Slow tests of hosts" pytest --quiet -m slow tests/hosts

.PHONY: bench
bench: ## figures beside their floors and peers, on the running lab: build/bench.json
	$(phase) "Figures: runs" env PYTHONPATH=tests tests/bench/runs.py
	$(phase) "Figures: the name servers at scale" env PYTHONPATH=tests tests/bench/scale.py
	$(phase) "Figures: the mail server" env PYTHONPATH=tests tests/bench/mail.py
	$(phase) "Figures: the directory" env PYTHONPATH=tests tests/bench/directory.py

COMPILE := uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-annotate --no-header --quiet

.PHONY: lock
lock: environment ## resolve what is needed into requirements.txt, pinned and hashed, and what it is compared with
	@pip install --quiet uv
	@$(COMPILE) pyproject.toml --output-file requirements.txt
	@echo pyinfra | $(COMPILE) - --output-file tests/bench/pyinfra.txt
