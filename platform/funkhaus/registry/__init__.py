"""The OCI registry that function images and uploaded archives go to."""

from funkhaus.registry.client import OciRegistry

__all__ = ["OciRegistry"]
