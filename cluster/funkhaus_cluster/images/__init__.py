"""The images functions run in: from Debian packages, locked wheels and this checkout, pushed by digest.

Layers are packed here rather than by a container build tool. One archive writer makes them the same whoever builds
them; what lies in the cache is sent byte for byte, so the digest is known before the push; and nothing is left
mounted or stored elsewhere.
"""

from funkhaus_cluster.images.build import Source, ensure, ensure_images, images

__all__ = ["Source", "ensure", "ensure_images", "images"]
