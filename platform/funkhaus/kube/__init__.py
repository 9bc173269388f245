"""kube-apiserver; the only importer of kubernetes_asyncio."""

from funkhaus.kube.client import KubeCluster
from funkhaus.kube.connection import Connection
from funkhaus.kube.lease import KubeLease

__all__ = ["Connection", "KubeCluster", "KubeLease"]
