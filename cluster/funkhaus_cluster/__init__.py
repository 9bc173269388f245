"""The local cluster of Funkhaus: a real single-node Kubernetes on one Debian machine, in one command.

Runs on a bare ``python3`` 3.11 before any virtualenv exists, so it imports the standard library only. Nothing of it ships
with the product.
"""
