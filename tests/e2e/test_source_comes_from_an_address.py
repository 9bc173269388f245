"""A function whose source is an address, on the node, from a server of the test's own: no internet is asked."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from .house import eventually
from .shelf import PORT, shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .house import House, Tenant

pytestmark = pytest.mark.cluster
SOURCES, FILES = "funkhaus-sources", "files"
"""Where the local cluster fetches from beside the internet (`funkhaus_cluster.product`)."""
ORIGIN = f"http://{FILES}.{SOURCES}:{PORT}"
POLICIES = Path(__file__).resolve().parents[2] / "policies"


def zipped(word: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("shop-1.0/shop.py", f"def handler(event, context):\n    return {word!r}\n")
    return buffer.getvalue()


GIT_SERVER = """
from wsgiref.simple_server import make_server
from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import MemoryRepo
from dulwich.server import DictBackend
from dulwich.web import make_wsgi_chain

repo = MemoryRepo()
blob = Blob.from_string(open("/shelf/shop.py", "rb").read())
folder, root, commit = Tree(), Tree(), Commit()
folder.add(b"shop.py", 0o100644, blob.id)
root.add(b"fn", 0o40000, folder.id)
commit.tree, commit.message = root.id, b"first"
commit.author = commit.committer = b"a <a@example.com>"
commit.commit_time = commit.author_time = commit.commit_timezone = commit.author_timezone = 0
for item in (blob, folder, root, commit):
    repo.object_store.add_object(item)
repo.refs[b"refs/heads/main"] = commit.id
make_server("", 8080, make_wsgi_chain(DictBackend({"/shop": repo}))).serve_forever()
"""
ARCHIVE, PAGE = zipped("moin"), b"<html>not found</html>"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def origin(
    house: House, admin_token: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server whose origin everybody may fetch from."""
    before = house.cli(admin_token, "policy", "list", "-o", "name").out.split()[0]
    folder = tmp_path_factory.mktemp("rules") / "policies"
    shutil.copytree(POLICIES, folder)
    data = folder / "data" / "sources.yaml"
    document = yaml.safe_load(data.read_text())
    document["sources"]["origins"] += [ORIGIN, f"http://git.{SOURCES}:{PORT}"]
    data.write_text(yaml.safe_dump(document))
    done = house.cli(
        admin_token, "policy", "activate", str(folder), "--reason", "a test's own server"
    )
    assert done.code == 0, done.err
    source = {"shop.py": b"def handler(event, context):\n    return 'moin from git'\n"}
    with (
        shelf(house, SOURCES, FILES, {"shop-1.0.zip": ARCHIVE, "page.zip": PAGE}),
        shelf(house, SOURCES, "git", source, GIT_SERVER),
    ):
        yield ORIGIN
    back = house.cli(admin_token, "policy", "rollback", before, "--reason", "the test is over")
    assert back.code == 0, back.err


def asked(name: str, url: str, digits: str) -> tuple[str, ...]:
    flags = ("--cpu", "100m", "--path", "shop-1.0", "--wait")
    base = ("function", "deploy", name, "-r", "python3.11", "--handler", "shop.handler")
    return (*base, "--from-url", url, "--sha256", digits, *flags)


def test_it_is_fetched_once_and_serves(tenant: Tenant, origin: str) -> None:
    words = asked("shop", f"{origin}/shop-1.0.zip?token=5ec2e7", sha256(ARCHIVE))
    eventually("the rules in force", lambda: tenant.cli(*words, "--dry-run").code == 0)
    ran = tenant.cli(*words)
    assert ran.code == 0, ran.out + ran.err
    assert f"fetches {origin}/shop-1.0.zip?…" in ran.err, "the wait shows it"
    assert "5ec2e7" not in ran.err
    eventually("it answers", lambda: tenant.cli("function", "call", "shop").out == "moin")
    ran = tenant.cli(*asked("other", f"{origin}/shop-1.0.zip", sha256(ARCHIVE)))
    assert ran.code == 0, ran.err
    assert "fetches" not in ran.err, "the archive was there"

    page = ("--from-url", f"{origin}/page.zip", "--sha256", sha256(PAGE), "--wait")
    ran = tenant.cli("function", "update", "shop", *page)
    assert ran.code != 0
    assert "neither a zip nor a gzipped tar" in ran.err
    gone = ("--from-url", f"{origin}/none.zip", "--sha256", "0" * 64, "--wait")
    ran = tenant.cli("function", "update", "shop", *gone)
    assert f"{origin}/none.zip answers 404" in ran.err
    assert "none.zip: 404" in tenant.cli("build", "logs", "shop").out
    assert tenant.cli("function", "call", "shop").out == "moin", "what served goes on serving"


@pytest.mark.usefixtures("origin")
def test_a_branch_is_looked_up_and_serves(tenant: Tenant) -> None:
    url = f"http://git.{SOURCES}:{PORT}/shop"
    ran = tenant.cli(
        "function", "deploy", "cloned", "-r", "python3.11", "--handler", "shop.handler", "--cpu", "100m",
        "--from-git", url, "--ref", "main", "--path", "fn", "--wait",
    )  # fmt: skip
    assert ran.code == 0, ran.out + ran.err
    assert f"fetches main of {url}" in ran.err
    eventually(
        "it answers", lambda: tenant.cli("function", "call", "cloned").out == "moin from git"
    )
    commit = tenant.house.admin_json("get", "function", "cloned", "-n", tenant.cluster_namespace)[
        "status"
    ]["commit"]
    assert f"main, folder fn, commit {commit}" in tenant.cli("function", "describe", "cloned").out
    words = ("function", "update", "cloned", "--from-git", url, "--ref", "gone", "--wait")
    ran = tenant.cli(*words)
    assert "has no branch or tag 'gone'" in ran.err


@pytest.mark.usefixtures("origin")
def test_addresses_inside_are_refused_in_words(tenant: Tenant) -> None:
    for url in (
        "http://169.254.169.254/latest/",
        "https://10.96.0.1/",
        "http://index.funkhaus-index:8080/",
    ):
        ran = tenant.cli(*asked("evil", url, "0" * 64))
        assert ran.code != 0
        assert "is no origin that tenant" in ran.err, ran.err
        assert f"{ORIGIN}" in ran.err, "what passes is named"
