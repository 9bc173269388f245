# Thin one-liners: what they do is in cluster/funkhaus_cluster and scripts of their own.
PYTHON ?= python3
CLUSTER = PYTHONPATH=$(CURDIR)/cluster $(PYTHON) -m funkhaus_cluster

.PHONY: help up down status tools

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
