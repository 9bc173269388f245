from __future__ import annotations

import ipaddress
import json
import tomllib
from pathlib import Path

import pytest
import yaml

from funkhaus.manifests.trigger import EVENT_HEADERS
from funkhaus_cluster import (
    addons,
    control_plane,
    go_build,
    kubeconfig,
    local,
    manifests,
    network,
    node,
    pause,
    pki,
    product,
    settings,
    site,
    steps,
    versions,
)
from funkhaus_cluster.commands import Commands
from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.progress import Progress

CHECKOUT = site.CHECKOUT
KUBELET_SINCE = 1767225610.7  # 2026-01-01T00:00:10.7Z; the API keeps whole seconds


@pytest.fixture
def here(tmp_path: Path) -> site.Site:
    return site.Site(
        settings=settings.from_environ(
            {"FUNKHAUS_STATE": str(tmp_path / "state"), "FUNKHAUS_CACHE": str(tmp_path / "cache")},
            checkout=CHECKOUT,
        ),
        versions=versions.load(CHECKOUT / "cluster/versions.toml"),
        commands=Commands(),
        progress=Progress(),
    )


def argument(part_argv: tuple[str, ...], name: str) -> str:
    found = [word for word in part_argv if word.startswith(f"--{name}=")]
    assert len(found) == 1, f"--{name} is given {len(found)} times"
    return found[0].partition("=")[2]


def test_the_apiserver_is_closed_to_loopback_strangers_and_keeps_certificates_when_tokens_fail(
    here: site.Site,
) -> None:
    argv = control_plane.apiserver(here).argv

    assert argument(argv, "bind-address") == "10.222.0.1"
    assert argument(argv, "authorization-mode") == "Node,RBAC"
    assert argument(argv, "authentication-token-webhook-cache-ttl") == "10s"
    assert argument(argv, "client-ca-file").endswith("/pki/ca.crt")
    assert argument(argv, "etcd-servers") == "https://127.0.0.1:2379"


def test_every_need_is_a_step_and_the_graph_has_no_cycle(here: site.Site) -> None:
    table = local.up_steps(here)
    names = [step.name for step in table]

    assert len(names) == len(set(names))
    unknown = {need for step in table for need in step.needs} - set(names)
    assert unknown == set()


def test_no_two_parts_share_a_name_or_a_port(here: site.Site) -> None:
    parts = local.all_parts(here)
    names = [part.name for part in parts]
    ports = [port for part in parts for port in part.ports]

    assert len(names) == len(set(names))
    assert len(ports) == len(set(ports))


def test_parts_end_before_what_they_stand_on_and_etcd_last(here: site.Site) -> None:
    order = local.stop_order(local.all_parts(here))

    assert order[-1] == "etcd"
    assert order.index("envoy") < order.index("contour") < order.index("kube-apiserver")
    assert order.index("kubelet") < order.index("containerd")


def test_pods_may_reach_dns_and_nothing_else_of_the_host(here: site.Site) -> None:
    rules = network.rules(here.settings)

    assert rules.index("udp dport 53 accept") < rules.index("counter drop")
    assert "ip saddr 10.244.0.0/16 jump from_pods" in rules
    assert 'iifname "veth*" jump from_pods' in rules
    assert rules.startswith("table inet funkhaus\ndelete table inet funkhaus\n")


def test_pods_are_routed_not_bridged(here: site.Site) -> None:
    conflist = json.loads(network.cni_config(here.settings, 1400))

    assert [plugin["type"] for plugin in conflist["plugins"]] == ["ptp", "portmap"]
    assert conflist["plugins"][0]["mtu"] == 1400
    assert conflist["plugins"][0]["ipam"]["type"] == "host-local"


def test_containerd_keeps_to_folders_of_its_own(here: site.Site) -> None:
    config = tomllib.loads(node.containerd_config(here.settings))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    state = str(here.settings.state)

    assert config["root"].startswith(state)
    assert config["state"].startswith(state)
    assert cri["restrict_oom_score_adj"] is True
    assert cri["netns_mounts_under_state_dir"] is True
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False


def test_the_local_registry_is_pulled_from_over_plain_http(here: site.Site) -> None:
    hosts = tomllib.loads(node.registry_hosts(here.settings))

    assert list(hosts["host"]) == ["http://127.0.0.1:5050"]


def test_kubelet_refuses_anonymous_callers(here: site.Site) -> None:
    config = node.kubelet_config(here)

    assert config["authentication"]["anonymous"] == {"enabled": False}  # type: ignore[index]  # a dict
    assert config["authorization"] == {"mode": "Webhook"}
    assert config["failCgroupV1"] is False


def test_coredns_answers_default_hosts_without_a_way_out(here: site.Site) -> None:
    corefile = addons.corefile(here.settings)

    assert "bind 10.222.0.1" in corefile
    assert "template IN A nip.io {" in corefile
    assert "{{ .Group.a }}.{{ .Group.b }}" in corefile


def test_a_kubeconfig_holds_everything_it_needs() -> None:
    content = json.loads(
        kubeconfig.render(
            server="https://10.222.0.1:6443",
            authority=b"CA",
            user="admin",
            certificate=b"C",
            key=b"K",
        )
    )

    assert content["clusters"][0]["cluster"]["certificate-authority-data"] == "Q0E="
    assert content["users"][0]["user"]["client-key-data"] == "Sw=="
    assert content["current-context"] == content["contexts"][0]["name"]


def test_a_manifest_that_asks_for_what_has_no_value_is_named() -> None:
    with pytest.raises(ClusterError, match=r"dns\.yaml asks for 'NODE'"):
        manifests.render("addresses: [${NODE}]", {}, source=Path("dns.yaml"))
    with pytest.raises(ClusterError, match=r"write \$\$ for a dollar sign"):
        manifests.render("match: a$", {}, source=Path("dns.yaml"))


@pytest.mark.parametrize(
    "conditions",
    [
        [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:09Z"}],
        [{"type": "Ready", "status": "False", "lastHeartbeatTime": "2026-01-01T00:00:20Z"}],
        [{"type": "DiskPressure", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:20Z"}],
        [],
    ],
    ids=["said by the kubelet before", "not ready", "another condition", "nothing said"],
)
def test_what_the_running_kubelet_did_not_say_is_not_ready(
    conditions: list[dict[str, str]],
) -> None:
    assert not manifests.says_ready(conditions, KUBELET_SINCE)


def test_ready_is_what_the_running_kubelet_said() -> None:
    said = [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:10Z"}]

    assert manifests.says_ready(said, KUBELET_SINCE)


def test_versions_agree_with_the_go_modules(here: site.Site) -> None:
    go = (CHECKOUT / "cluster/go/go.mod").read_text()
    contour = (CHECKOUT / "cluster/go-contour/go.mod").read_text()

    assert f"k8s.io/kubernetes {here.versions.kubernetes}\n" in go
    assert f"\ngo {here.versions.go}\n" in go
    assert f"github.com/projectcontour/contour {here.versions.contour}" in contour


def test_linker_flags_name_the_version() -> None:
    found = versions.load(CHECKOUT / "cluster/versions.toml")

    flags = go_build.linker_flags(found)

    assert f"-X k8s.io/component-base/version.gitVersion={found.kubernetes}" in flags
    assert "-X k8s.io/component-base/version.gitMinor=36" in flags


def test_a_binary_is_kept_by_what_it_is_made_from(tmp_path: Path, here: site.Site) -> None:
    (tmp_path / "go/cmd/tool").mkdir(parents=True)
    (tmp_path / "go/go.mod").write_text("module x\n")
    (tmp_path / "go/go.sum").write_text("")
    source = tmp_path / "go/cmd/tool/main.go"
    source.write_text("package main\n")
    own = go_build.Binary("tool", "go", "./cmd/tool")
    third = go_build.Binary("opa", "go", "github.com/open-policy-agent/opa")

    assert source in own.sources(tmp_path)
    assert source not in third.sources(tmp_path)
    assert go_build.place(here, third) == go_build.place(here, third)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("go1.26.4", (1, 26, 4)), ("go1.27", (1, 27, 0)), ("devel", (0,)), ("1.9.12", (1, 9, 12))],
)
def test_go_versions_compare_as_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert go_build._numbers(text) == numbers


def test_the_pause_image_is_the_same_bytes_every_time() -> None:
    first, digest = pause.archive(b"program", "funkhaus.local/pause:1")
    second, again = pause.archive(b"program", "funkhaus.local/pause:1")

    assert first == second
    assert digest == again
    assert pause.archive(b"other", "funkhaus.local/pause:1")[1] != digest


def test_certificates_are_issued_once_and_anew_when_they_would_say_something_else(
    tmp_path: Path,
) -> None:
    made = pki.Pki(tmp_path / "pki", Commands())
    wanted = pki.Certificate("api", "kube-apiserver", addresses=("10.222.0.1",), server=True)

    assert made.authority("ca")
    assert made.issue(wanted)
    assert not made.authority("ca")
    assert not made.issue(wanted)
    assert made.issue(
        pki.Certificate("api", "kube-apiserver", addresses=("10.222.0.2",), server=True)
    )
    assert made.key("api").stat().st_mode & 0o777 == 0o600
    checked = Commands().output(
        ["openssl", "verify", "-CAfile", made.certificate("ca"), made.certificate("api")]
    )
    assert checked.endswith(": OK\n")


def test_a_certificate_about_to_end_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pki.Pki(tmp_path / "pki", Commands())
    wanted = pki.Certificate("api", "kube-apiserver")
    made.authority("ca")
    monkeypatch.setattr(pki, "CERTIFICATE_DAYS", 29)
    made.issue(wanted)

    monkeypatch.setattr(pki, "CERTIFICATE_DAYS", 365)

    assert made.issue(wanted)
    assert not made.issue(wanted)


def test_a_new_authority_makes_every_leaf_anew(tmp_path: Path) -> None:
    made = pki.Pki(tmp_path / "pki", Commands())
    wanted = pki.Certificate("api", "kube-apiserver")
    made.authority("ca")
    made.issue(wanted)
    made.certificate("ca").unlink()

    assert made.authority("ca")
    assert made.issue(wanted)


def test_the_graph_can_be_ordered(here: site.Site) -> None:
    ran: list[str] = []

    def fake(step: steps.Step) -> steps.Step:
        def action() -> str:
            ran.append(step.name)
            return ""

        return steps.Step(step.name, step.title, action, step.needs, quiet=True)

    table = local.up_steps(here)
    steps.run([fake(step) for step in table], here.progress, here.commands.cancelled)

    assert ran.index("start etcd") < ran.index("start kube-apiserver") < ran.index("node ready")
    assert len(ran) == len(table)


@pytest.mark.parametrize("port", [8001, 8088, 8448, 8000, 5000, 20_000])
def test_a_listener_says_what_contour_makes_of_it(port: int) -> None:
    said = addons.listener_port(port)

    assert 1 <= said <= 65535
    assert (said + 8000) % 65535 == port % 65535


def test_the_gateway_is_the_one_contour_and_the_product_are_told_of(here: site.Site) -> None:
    file = CHECKOUT / "cluster/manifests/30-contour.yaml"
    asked = {
        "GATEWAY_HTTP_PORT": str(addons.listener_port(here.settings.ports.ingress)),
        "GATEWAY_HTTPS_PORT": str(addons.listener_port(here.settings.ports.ingress_tls)),
        "GATEWAY_CERTIFICATE": "Yw==",
        "GATEWAY_KEY": "aw==",
    }
    documents = list(yaml.safe_load_all(manifests.render(file.read_text(), asked, source=file)))
    (gateway,) = [item for item in documents if item["kind"] == "Gateway"]
    config = yaml.safe_load(addons.contour_config(addons.GATEWAY))

    name = f"{gateway['metadata']['namespace']}/{gateway['metadata']['name']}"
    assert name == addons.GATEWAY
    assert config["gateway"]["gatewayRef"] == {
        "namespace": gateway["metadata"]["namespace"],
        "name": gateway["metadata"]["name"],
    }
    assert [(item["name"], item["port"]) for item in gateway["spec"]["listeners"]] == [
        ("http", 88),
        ("https", 448),
    ]
    assert config["policy"]["request-headers"]["remove"] == list(EVENT_HEADERS)
    assert config["policy"]["applyToIngress"] is True


def test_who_calls_the_waker_and_is_no_pod_is_everybody_but_the_pods() -> None:
    networks = [ipaddress.ip_network(text) for text in product.no_pods("10.244.0.0/16")]
    pods = ipaddress.ip_network("10.244.0.0/16")
    assert not any(network.overlaps(pods) for network in networks)
    assert sum(network.num_addresses for network in networks) + pods.num_addresses == 2**32
