# Thin one-liners: what they do is in cluster/funkhaus_cluster and scripts of their own.
PYTHON ?= python3
CLUSTER = PYTHONPATH=$(CURDIR)/cluster $(PYTHON) -m funkhaus_cluster

DEV = . .local/dev &&
PYTEST = $(DEV) FUNKHAUS_TEST_STRICT=1 python -m pytest

# Python compiles once, for all workers and the programs they start, also where the machine's environment would have it else.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help up down status tools test check unit policy integration e2e netpol lifecycle

help:            ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

up:              ## a real Kubernetes on this machine, Funkhaus on it (FUNKHAUS_CLUSTER=existing|kind|local)
	@$(CLUSTER) up

down:            ## stop it and leave nothing behind; PURGE=1 also drops state and cache
	@$(CLUSTER) down $(if $(filter 1,$(PURGE)),--purge)

status:          ## each part: running, pid, ready, memory; the node; the addresses
	@$(CLUSTER) status

tools:           ## build binaries and the Python environment, start nothing
	@$(CLUSTER) tools

test: tools check unit policy netpol integration e2e   ## everything, on a real cluster it starts itself

check:           ## lint, types, import contracts, policy syntax
	@$(DEV) ruff check . && ruff format --check -q . && mypy && lint-imports && opa check --strict policies && opa fmt --fail --list policies

unit:            ## no socket, no cluster, seconds
	@$(PYTEST) -q -n auto tests/unit tests/architecture

policy:          ## are the house rules fit to decide: data, tests, coverage, mutations, pages
	@$(DEV) python -m funkhaus_cli policy check policies --docs docs/rules --seconds 300

netpol:          ## the network policy translation
	@$(DEV) cd cluster/go && go vet ./cmd/netpol/... && go test ./cmd/netpol/...

integration:     ## real Postgres, OPA, registry and kube-apiserver; runtimes over loopback
	@$(PYTEST) -q -n auto --dist loadfile tests/contract tests/integration tests/conformance

lifecycle:       ## kill, interrupt and stop the node in every way; takes it down and up for minutes (root)
	@$(DEV) FUNKHAUS_TEST_LIFECYCLE=1 python -m pytest -q tests/lifecycle

e2e: up          ## the promises, on the running house
	@. .local/env && $(PYTEST) -q tests/e2e
