"""Which policy answers: one digest over the files that decide, to load beside them as ``data.data.revision``.

``python -m funkhaus.policy.revision policies`` prints the document; a bare Python without any package can run it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

_SUFFIXES = {".rego", ".yaml", ".json"}


def revision(folder: Path) -> str:
    """``sha256:…`` over names and contents of the policy files below `folder`; tests decide nothing and are left out.

    It is the SHA-256 of the lines ``<sha256 of the file>  <path>``, sorted by path, as sha256sum prints them.
    """
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in _SUFFIXES and not path.stem.endswith("_test")
    )
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in files
    ]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"revision": revision(Path(sys.argv[1]))}) + "\n")
