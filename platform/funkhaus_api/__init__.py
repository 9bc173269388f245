"""The HTTP API: parse, call a use case, answer. `openapi.yaml` is its contract."""
