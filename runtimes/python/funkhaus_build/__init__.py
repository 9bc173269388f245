"""Installs a function's dependencies in a build pod and serves what came of it until it is fetched.

Runs in an image beside the runtime's, as nobody, with no credential. It decides nothing: whoever fetches checks every byte.
"""
