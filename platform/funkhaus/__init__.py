"""The kernel of Funkhaus: what the doors (API, CLI, webhook, controller) stand on.

Floors, from the ground up: `domain` (values and rules, stdlib only), `settings`/`logs`/`metrics`, `manifests`/`crd` (pure
translations), `ports` (what we need of the world), `services` (use cases) beside the adapters `storage`, `kube`,
`policy`, `auth` and `registry`, and on top `factory`, the only place that puts things together.
"""
