"""`OpaCompiler`: the port `PolicyCompiler` over the program `opa`, in a folder that is gone afterwards.

The rules get a smaller OPA than they will run in: no builtin that calls another machine, shows the environment or answers
by chance, so that a set which needs one does not compile. It is this process's machine they are tried on.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import TimedOutError, UnavailableError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.policy_set import PolicySet

FORBIDDEN = frozenset(
    {
        "http.send", "net.lookup_ip_addr", "opa.runtime", "time.now_ns", "rand.intn", "uuid.rfc4122",
        "print", "trace",
    }
)  # fmt: skip
SECONDS = 20.0
"""For one run of `opa`."""
FINDINGS_LIMIT = 20
OUTPUT_LIMIT = 4 * 1024 * 1024


class OpaCompiler:
    """`program` is `opa` itself, by name or path."""

    def __init__(self, program: str, *, seconds: float = SECONDS) -> None:
        self._program, self._seconds = program, seconds
        self._one = asyncio.Semaphore(1)

    async def objections(self, policies: PolicySet) -> Sequence[Finding]:
        """Why the set does not compile strictly, or which of its tests fail."""
        async with self._one:
            with tempfile.TemporaryDirectory(prefix="funkhaus-policies-") as name:
                folder = Path(name)
                await asyncio.to_thread(_write, folder / "set", policies)
                (folder / "capabilities.json").write_text(json.dumps(await self._capabilities()))
                patient = f"--timeout={self._seconds:g}s"  # one test may take 5 s otherwise, which a busy machine does
                limited = f"--capabilities={folder / 'capabilities.json'}"
                code, document, words = await self._run(
                    folder / "set", "check", "--strict", limited, "--format=json", "."
                )
                if code:
                    return _errors(document, words)
                code, document, words = await self._run(
                    folder / "set", "test", limited, patient, "--format=json", "."
                )
                return _failures(document, words) if code else []

    async def _capabilities(self) -> dict[str, Any]:
        _, document, words = await self._run(None, "capabilities", "--current")
        if not isinstance(document, dict):
            raise UnavailableError(f"opa does not say what it can: {words}")
        builtins = [item for item in document["builtins"] if item["name"] not in FORBIDDEN]
        return {**document, "builtins": builtins, "allow_net": []}

    async def _run(self, folder: Path | None, *words: str) -> tuple[int, Any, str]:
        """Exit code, JSON document (``None`` for none) and the words of a run."""
        program = shutil.which(self._program)
        if program is None:
            raise UnavailableError(
                f"there is no program {self._program!r} to try policies with (FUNKHAUS_OPA_PROGRAM)"
            )
        process = await asyncio.create_subprocess_exec(
            program,
            *words,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},  # nothing of this process's for a rule to see
        )
        try:
            async with asyncio.timeout(self._seconds):
                out, err = await process.communicate()
        except TimeoutError as error:
            raise TimedOutError(
                f"the rules' tests were not done within {self._seconds:g} s"
            ) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        for text in (out, err):
            try:
                return process.returncode or 0, json.loads(text[:OUTPUT_LIMIT]), ""
            except ValueError:
                continue
        said = (err or out).decode(errors="replace").strip()
        return process.returncode or 0, None, said[:500]


def _write(folder: Path, policies: PolicySet) -> None:
    for name, text in policies.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _errors(document: Any, words: str) -> list[Finding]:  # noqa: ANN401 - JSON
    errors = document.get("errors") if isinstance(document, dict) else None
    if not errors:
        return [Finding("policy-not-compiled", words or "opa gave no reason", "files")]
    return [
        Finding("policy-not-compiled", str(item.get("message"))[:500], _place(item))
        for item in errors[:FINDINGS_LIMIT]
    ]


def _failures(document: Any, words: str) -> list[Finding]:  # noqa: ANN401 - JSON
    failed = [
        item
        for item in (document if isinstance(document, list) else [])
        if item.get("fail") or item.get("error")
    ]
    if not failed:
        return [Finding("policy-test-fails", words or "the tests do not run", "files")]
    return [
        Finding(
            "policy-test-fails",
            f"the test fails: {str(item['name']).removeprefix('test_').replace('_', ' ')}",
            _place(item),
        )
        for item in failed[:FINDINGS_LIMIT]
    ]


def _place(item: Any) -> str:  # noqa: ANN401 - JSON
    location = item.get("location") or {}
    return f"files[{location.get('file', '?')}]:{location.get('row', 0)}"
