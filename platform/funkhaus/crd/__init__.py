"""Custom resource ↔ domain, without IO. The structural schemas in `helm/funkhaus/crds/` have checked the shape."""
