"""What runs beside the node: DNS, metrics, ingress, image registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic, wheels
from funkhaus_cluster.parts import Part
from funkhaus_cluster.probes import AllProbes, HttpProbe, TcpProbe
from funkhaus_cluster.settings import CLUSTER_DOMAIN

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.settings import Settings
    from funkhaus_cluster.site import Site


def parts(site: Site) -> list[Part]:
    """The table of parts."""
    return [coredns(site), metrics_server(site), contour(site), envoy(site), registry(site)]


def coredns(site: Site) -> Part:
    """DNS for pods, at the node's address."""
    settings = site.settings
    config = settings.etc / "Corefile"
    identity = settings.kubeconfig("coredns")
    return Part(
        name="coredns",
        argv=(site.program("coredns"), "-conf", str(config)),
        needs=("addon files", "network", "cluster manifests"),
        ports=((settings.node_address, 53),),
        watches=(config, identity),
        ready=HttpProbe(f"http://127.0.0.1:{settings.ports.dns_ready}/ready"),
    )


def metrics_server(site: Site) -> Part:
    """Resource metrics for ``kubectl top`` and HPA."""
    settings, pki = site.settings, site.pki
    identity = settings.kubeconfig("metrics-server")
    probe = HttpProbe(
        f"https://{settings.node_address}:{settings.ports.metrics_server}/livez",
        authority=pki.certificate("ca"),
        certificate=pki.certificate("admin"),
        key=pki.key("admin"),
    )
    return Part(
        name="metrics-server",
        argv=(
            site.program("metrics-server"),
            f"--kubeconfig={identity}",
            f"--authentication-kubeconfig={identity}",
            f"--authorization-kubeconfig={identity}",
            f"--bind-address={settings.node_address}",
            f"--secure-port={settings.ports.metrics_server}",
            f"--tls-cert-file={pki.certificate('metrics-server-serving')}",
            f"--tls-private-key-file={pki.key('metrics-server-serving')}",
            f"--client-ca-file={pki.certificate('ca')}",
            f"--kubelet-certificate-authority={pki.certificate('ca')}",
            f"--kubelet-port={settings.ports.kubelet}",
            "--kubelet-preferred-address-types=InternalIP",
            "--metric-resolution=10s",
            "--kubelet-request-timeout=5s",
        ),
        needs=("cluster manifests", "start kubelet"),
        ports=((settings.node_address, settings.ports.metrics_server),),
        watches=(identity, pki.certificate("metrics-server-serving")),
        ready=probe,
    )


def contour(site: Site) -> Part:
    """Turns Ingresses and HTTPRoutes into Envoy's configuration."""
    settings, pki, ports = site.settings, site.pki, site.settings.ports
    config = settings.etc / "contour.yaml"
    identity = settings.kubeconfig("contour")
    return Part(
        name="contour",
        argv=(
            site.program("contour"),
            "serve",
            f"--kubeconfig={identity}",
            f"--config-path={config}",
            "--xds-address=127.0.0.1",
            f"--xds-port={ports.contour_xds}",
            f"--contour-cafile={pki.certificate('xds-ca')}",
            f"--contour-cert-file={pki.certificate('contour-xds')}",
            f"--contour-key-file={pki.key('contour-xds')}",
            "--http-address=127.0.0.1",
            f"--http-port={ports.contour_http}",
            "--health-address=127.0.0.1",
            f"--health-port={ports.contour_http}",
            "--debug-http-address=127.0.0.1",
            f"--debug-http-port={ports.contour_debug}",
            "--envoy-service-http-address=127.0.0.1",
            f"--envoy-service-http-port={ports.ingress}",
            "--envoy-service-https-address=127.0.0.1",
            f"--envoy-service-https-port={ports.ingress_tls}",
            "--stats-address=127.0.0.1",
            f"--stats-port={ports.envoy_stats}",
            "--ingress-class-name=contour",
            "--ingress-status-address=127.0.0.1",
            "--disable-leader-election",
        ),
        needs=("addon files", "cluster manifests"),
        ports=(("127.0.0.1", ports.contour_xds), ("127.0.0.1", ports.contour_http)),
        watches=(config, identity, pki.certificate("contour-xds")),
        ready=AllProbes(
            (
                HttpProbe(f"http://127.0.0.1:{ports.contour_http}/healthz"),
                TcpProbe("127.0.0.1", ports.contour_xds),
            )
        ),
    )


def envoy_program(site: Site) -> Path:
    """Where Envoy is or will be."""
    return wheels.place(site, site.versions.wheels["envoy"]) / "envoy/_bin/envoy"


def envoy(site: Site) -> Part:
    """The proxy that answers for functions."""
    settings, pki, ports = site.settings, site.pki, site.settings.ports
    config = settings.etc / "envoy.json"
    return Part(
        name="envoy",
        argv=(
            str(envoy_program(site)),
            "--config-path", str(config),
            "--service-cluster", "funkhaus-local",
            "--service-node", "envoy",
            "--log-level", "warning",
            "--concurrency", "2",
            "--disable-hot-restart",
        ),
        needs=("envoy", "envoy configuration", "start contour"),
        ports=(("127.0.0.1", ports.envoy_stats), ("127.0.0.1", ports.ingress)),
        watches=(config, pki.certificate("envoy-xds")),
        ready=HttpProbe(f"http://127.0.0.1:{ports.envoy_stats}/ready"),
        url=f"http://127.0.0.1:{ports.ingress}",
    )  # fmt: skip


def registry(site: Site) -> Part:
    """The OCI registry, on loopback: the host pushes, containerd pulls, pods cannot reach it."""
    settings = site.settings
    config = settings.etc / "registry.yaml"
    return Part(
        name="registry",
        argv=(site.program("registry"), "serve", str(config)),
        needs=("binaries", "addon files"),
        env={"OTEL_TRACES_EXPORTER": "none"},
        ports=(("127.0.0.1", settings.ports.registry),),
        watches=(config,),
        ready=HttpProbe(f"http://{settings.registry}/v2/"),
        url=f"http://{settings.registry}",
    )


def write_files(site: Site) -> str:
    """Render what the parts read."""
    settings = site.settings
    atomic.write(settings.etc / "Corefile", corefile(settings))
    atomic.write(settings.etc / "contour.yaml", contour_config(GATEWAY))
    atomic.write(settings.etc / "registry.yaml", registry_config(settings))
    settings.data("registry").mkdir(mode=0o700, parents=True, exist_ok=True)
    return "written"


def write_envoy_config(site: Site) -> str:
    """Let contour write Envoy's bootstrap configuration for its own version."""
    settings, pki = site.settings, site.pki
    # Written beside and compared, for contour's output differs in the order of its keys.
    fresh = settings.run / "envoy-bootstrap.json"
    site.commands.output(
        [
            site.program("contour"),
            "bootstrap",
            str(fresh),
            "--xds-address=127.0.0.1",
            f"--xds-port={settings.ports.contour_xds}",
            f"--admin-address={settings.run / 'envoy-admin.sock'}",
            f"--envoy-cafile={pki.certificate('xds-ca')}",
            f"--envoy-cert-file={pki.certificate('envoy-xds')}",
            f"--envoy-key-file={pki.key('envoy-xds')}",
            "--dns-lookup-family=v4",
        ]
    )
    parsed = json.loads(fresh.read_text())
    fresh.unlink()
    atomic.write(settings.etc / "envoy.json", json.dumps(parsed, indent=2, sort_keys=True) + "\n")
    return "written"


GATEWAY = "projectcontour/funkhaus"
"""Namespace and name of the one Gateway (``manifests/30-contour.yaml``)."""


def listener_port(port: int) -> int:
    """What a Gateway's listener says for Contour to have Envoy listen on `port`: Contour adds 8000 to it."""
    below = port - 8000
    return below if below > 0 else below + 65535


def contour_config(gateway: str) -> str:
    """Contour's configuration with this Gateway. Nobody from outside says what an event is: routes see to that themselves
    (`funkhaus.manifests.trigger`), for Ingresses the proxy has to.
    """
    namespace, _, name = gateway.partition("/")
    return f"""\
gateway:
  gatewayRef:
    namespace: {namespace}
    name: {name}
policy:
  request-headers:
    remove: [event-id, event-type, event-time, event-namespace]
  applyToIngress: true
disablePermitInsecure: false
accesslog-format: json
accesslog-level: error
"""


def corefile(settings: Settings) -> str:
    """DNS for the cluster domain, nip.io names answered without a way out, the rest asked of the host's resolvers."""
    return f"""\
.:53 {{
    bind {settings.node_address}
    errors
    health 127.0.0.1:{settings.ports.dns_health}
    ready 127.0.0.1:{settings.ports.dns_ready}
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa {{
        kubeconfig {settings.kubeconfig("coredns")}
        pods disabled
    }}
    template IN A nip.io {{
        match "(^|[.-])(?P<a>[0-9]{{1,3}})-(?P<b>[0-9]{{1,3}})-(?P<c>[0-9]{{1,3}})-(?P<d>[0-9]{{1,3}})[.]nip[.]io[.]$"
        answer "{{{{ .Name }}}} 60 IN A {{{{ .Group.a }}}}.{{{{ .Group.b }}}}.{{{{ .Group.c }}}}.{{{{ .Group.d }}}}"
        fallthrough
    }}
    forward . /etc/resolv.conf
    cache 30
    loop
}}
"""


def registry_config(settings: Settings) -> str:
    """Distribution's configuration, version 0.1."""
    return f"""\
version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: {settings.data("registry")}
  delete:
    enabled: true
http:
  addr: {settings.registry}
"""
