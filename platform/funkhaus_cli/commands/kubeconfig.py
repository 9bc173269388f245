"""`funkhaus kubeconfig`, and `funkhaus kubectl-credential`, which kubectl runs for it."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.failure import Exit, Failure, plain
from funkhaus_cli.options import Verb, connection, namespaced
from funkhaus_cli.output import as_yaml
from funkhaus_cli.session import INSECURE_HTTP

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

EXEC_API = "client.authentication.k8s.io/v1"
EXEC_INFO = "KUBERNETES_EXEC_INFO"
"""What kubectl tells a plugin: JSON, whose ``apiVersion`` is the one it expects back."""
EXCHANGE = "/v1/me/kubectl-credential"
MARK = "# Written by `funkhaus kubeconfig`; holds no secret.\n"
_USER = "funkhaus"


@click.command(
    "kubeconfig",
    cls=Verb,
    examples=(
        "export KUBECONFIG=$(funkhaus kubeconfig)",
        "funkhaus kubeconfig -n shop --output shop.kubeconfig",
    ),
)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    default="",
    help="Where to, - for standard output [a file of your own beside the contexts].",
)
@namespaced
@click.pass_obj
def kubeconfig(session: Session, *, output: str) -> None:
    """Write a kubeconfig for a namespace and print its path.

    It holds no secret: kubectl runs `funkhaus kubectl-credential`, which finds its token where every command does.
    """
    place = session.api.get(session.path())
    session.api.post(
        EXCHANGE, None
    )  # a token that opens no kubectl says so here, and not only later
    document = _document(session, session.api.get("/v1/cluster"), str(place["clusterName"]))
    text = MARK + as_yaml(document) + "\n"
    if output == "-":
        click.echo(text, nl=False)
        return
    folder = session.settings.config.path.parent / "kubeconfigs"
    path = Path(output).expanduser() if output else folder / f"{place['clusterName']}.yaml"
    _write(path, text)
    click.echo(str(path.absolute()))


def _document(session: Session, cluster: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The kubeconfig; `namespace` is the Kubernetes namespace."""
    facts: dict[str, Any] = {"server": cluster["server"]}
    if pem := cluster.get("certificateAuthority"):
        facts["certificate-authority-data"] = base64.b64encode(pem.encode()).decode()
    plugin = {
        "apiVersion": EXEC_API,
        "command": "funkhaus",
        "args": ["kubectl-credential", *_who(session)],
        "installHint": "kubectl asks `funkhaus` for its credentials; it has to be on PATH",
        "interactiveMode": "Never",
        "provideClusterInfo": False,
    }
    context = {"cluster": _USER, "user": _USER, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _USER, "cluster": facts}],
        "users": [{"name": _USER, "user": {"exec": plugin}}],
        "contexts": [{"name": f"{_USER}-{namespace}", "context": context}],
        "current-context": f"{_USER}-{namespace}",
    }


def _who(session: Session) -> list[str]:
    """The flags that make the plugin ask the same server, as the same holder; the token itself is none of them."""
    words = ["--api", session.address.value.rstrip("/"), "--context", session.settings.context]
    if path := session.given.get("token-file"):
        words += ["--token-file", str(Path(path).absolute())]
    if INSECURE_HTTP in session.given:
        words.append(f"--{INSECURE_HTTP}")
    return words


def _write(path: Path, text: str) -> None:
    """At once or not at all, 0600; raises `Failure`, also for a file of somebody else's: kubeconfigs are dear."""
    draft = ""
    try:
        if path.exists() and path.read_bytes()[: len(MARK)] != MARK.encode():
            raise Failure(
                f"{path} is there and was not written by this command",
                Exit.USAGE,
                hint="name another file; kubectl reads several: KUBECONFIG=ONE:OTHER",
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".kubeconfig-")  # 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(draft).replace(path)
    except OSError as error:
        if draft:
            Path(draft).unlink(missing_ok=True)
        raise Failure(f"{path} can't be written: {error.strerror}") from error


@click.command("kubectl-credential", cls=Verb)
@connection()
@click.pass_obj
def kubectl_credential(session: Session) -> None:
    """Print a credential of minutes for kubectl, which runs this (see `kubeconfig`)."""
    _understood(session.environ.get(EXEC_INFO, ""))
    made = session.api.post(EXCHANGE, None)
    status = {"token": made["token"], "expirationTimestamp": made["expiresAt"]}
    click.echo(json.dumps({"apiVersion": EXEC_API, "kind": "ExecCredential", "status": status}))


def _understood(told: str) -> None:
    """Raise `Failure` where kubectl expects another version than is spoken here."""
    if not told:
        return
    try:
        wanted = json.loads(told).get("apiVersion")
    except (ValueError, AttributeError) as error:
        raise Failure(f"{EXEC_INFO} is not what kubectl sets: {error}", Exit.USAGE) from error
    if wanted != EXEC_API:
        raise Failure(
            f"kubectl wants a credential of {plain(str(wanted))}; {EXEC_API} is spoken here",
            Exit.USAGE,
            hint="write the kubeconfig anew with `funkhaus kubeconfig`",
        )
