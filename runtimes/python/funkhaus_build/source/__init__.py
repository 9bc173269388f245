"""Fetches a function's source in a build pod and serves it until it is taken.

It asks one origin and connects to the networks it is told of, whatever names and redirects say. It decides nothing: whoever
takes the result checks every byte.
"""
