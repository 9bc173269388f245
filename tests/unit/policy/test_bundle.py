"""The bundle: the same bytes for the same set, what OPA verifies, nothing that decides nothing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import replace

import pytest
import yaml

from funkhaus.auth.bundle_signing import RsaSigner
from funkhaus.crd import catalogue_files
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.policy_set import FILE_LIMIT, FILES_LIMIT, SET_LIMIT, PolicySet
from funkhaus.policy import bundle
from funkhaus.policy.folder import read_folder
from tests.support.opa import POLICIES
from tests.support.signing import pem, signer

HOUSE = read_folder(POLICIES)


def unpacked(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        found = {}
        for entry in archive:
            file = archive.extractfile(entry)
            assert file
            found[entry.name] = file.read()
        return found


def test_the_same_set_is_the_same_bytes() -> None:
    other_order = PolicySet(dict(reversed(list(HOUSE.files.items()))))
    assert bundle.build(HOUSE, signer()) == bundle.build(other_order, signer())


def test_it_holds_what_decides_and_its_revision() -> None:
    files = unpacked(bundle.build(HOUSE, signer()))
    assert not [name for name in files if name.endswith("_test.rego") or "system" in name]
    assert json.loads(files["/.manifest"]) == {
        "revision": HOUSE.revision,
        "roots": ["funkhaus", "data"],
        "rego_version": 1,
    }
    data = json.loads(files["/data/data.json"])
    assert data["revision"] == HOUSE.revision
    assert data["plans"] == yaml.safe_load(HOUSE.files["data/plans.yaml"])["plans"]


def test_every_file_is_vouched_for() -> None:
    files = unpacked(bundle.build(HOUSE, signer()))
    (token,) = json.loads(files.pop("/.signatures.json"))["signatures"]
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert {f"/{item['name']}": item["hash"] for item in claims["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }


def test_a_test_is_no_part_of_the_revision() -> None:
    more = {**HOUSE.files, "funkhaus/admission/cpu/more_test.rego": "package x\n"}
    assert PolicySet(more).revision == HOUSE.revision
    changed = {**HOUSE.files, "data/hosts.yaml": "hosts: {reserved_suffixes: [local]}\n"}
    assert PolicySet(changed).revision != HOUSE.revision


def test_the_house_s_own_set_has_nothing_against_it() -> None:
    assert HOUSE.objections() == []


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("system/authz/authz.rego", "", "policy-file-name"),
        ("funkhaus/../x.rego", "", "policy-file-name"),
        ("/funkhaus/a/a.rego", "", "policy-file-name"),
        ("funkhaus/a.rego", "", "policy-file-name"),
        ("data/x/y.yaml", "", "policy-file-name"),
        ("data/data.json", "", "policy-file-name"),
        ("data/x.yaml\n", "", "policy-file-name"),
        ("data/x.yaml", "x" * (FILE_LIMIT + 1), "policy-too-large"),
    ],
)
def test_names_and_sizes_are_bounded(name: str, text: str, code: str) -> None:
    found = replace(HOUSE, files={**HOUSE.files, name: text}).objections()
    assert [finding.code for finding in found] == [code]


def test_so_are_their_number_and_their_sum() -> None:
    many = {f"data/x{number}.yaml": "" for number in range(FILES_LIMIT)}
    assert "policy-too-many-files" in {
        finding.code for finding in PolicySet({**HOUSE.files, **many}).objections()
    }
    large = {f"data/x{number}.yaml": "x" * FILE_LIMIT for number in range(SET_LIMIT // FILE_LIMIT)}
    assert "policy-too-large" in {
        finding.code for finding in PolicySet({**HOUSE.files, **large}).objections()
    }
    assert [finding.code for finding in PolicySet({"data/x.yaml": ""}).objections()] == [
        "policy-empty"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x [1]\nb: *x\n", "by an alias"),
        ("a: 1\na: 2\n", "the key 'a' twice"),
        ("a: {b: 1, b: 2}", "the key 'b' twice"),
        ("a: [", "expected the node content"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("[" * 3000, ""),
    ],
)
def test_data_that_can_t_be_meant_are_refused_with_their_place(text: str, words: str) -> None:
    with pytest.raises(InvalidError) as raised:
        catalogue_files.by_name({"data/x.yaml": text, "funkhaus/x.rego": "["})
    (finding,) = raised.value.findings
    assert (finding.code, finding.path) == ("catalogue-unreadable", "data/x.yaml")
    assert words in finding.message


def test_only_a_private_key_of_some_size_signs() -> None:
    for unfit in ("", "x", pem(1024), signer().public):
        with pytest.raises(InvalidError) as raised:
            RsaSigner(unfit)
        assert raised.value.findings[0].path == "FUNKHAUS_POLICY_SIGNING_KEY"
