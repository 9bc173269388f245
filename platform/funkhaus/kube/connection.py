"""How to reach kube-apiserver and as whom: from a kubeconfig, or from the pod's service account."""

from __future__ import annotations

from dataclasses import dataclass

from kubernetes_asyncio.client.api_client import ApiClient
from kubernetes_asyncio.client.configuration import Configuration
from kubernetes_asyncio.config import ConfigException, load_incluster_config, load_kube_config

from funkhaus.domain.errors import InvalidError

CONNECTIONS = 64
"""Connections one process may hold to kube-apiserver."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An address and a credential, for libraries that bring their own client. Paths are of PEM files."""

    server: str
    ca_path: str | None = None
    token: str | None = None
    certificate_path: str | None = None
    private_key_path: str | None = None

    @classmethod
    async def of(cls, kubeconfig: str) -> Connection:
        """Read anew from `kubeconfig`, or from the pod when it is empty; raises `InvalidError`."""
        found = await configuration(kubeconfig)
        header = await found.get_api_key_with_prefix("BearerToken")
        return cls(
            server=str(found.host),
            ca_path=found.ssl_ca_cert,
            token=header.removeprefix("Bearer ") if header else None,
            certificate_path=found.cert_file,
            private_key_path=found.key_file,
        )


async def configuration(kubeconfig: str) -> Configuration:
    """The client library's configuration; the kubeconfig's current context is used."""
    found = Configuration()
    try:
        if kubeconfig:
            await load_kube_config(
                config_file=kubeconfig, client_configuration=found, persist_config=False
            )
        else:
            load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        where = f"the kubeconfig {kubeconfig!r}" if kubeconfig else "the pod's service account"
        raise InvalidError(
            f"no cluster can be reached through {where} ({error}); FUNKHAUS_KUBECONFIG names another kubeconfig"
        ) from error
    found.connection_pool_maxsize = CONNECTIONS
    return found


async def api_client(kubeconfig: str, user_agent: str) -> ApiClient:
    """An open client; whoever asks for it closes it."""
    client = ApiClient(configuration=await configuration(kubeconfig))
    client.user_agent = user_agent
    return client
