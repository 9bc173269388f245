"""Functions' replicas, asked directly on their operations port."""

from funkhaus.pods.activity import PodActivity

__all__ = ["PodActivity"]
