"""`OpaTrial`: the port `PolicyTrial` over the program `opa`: a set of rules asked thousands of questions at once.

One run of `opa eval` answers a batch on one processor; several run beside each other. The set is laid out as in a bundle,
so that it says what an OPA with that bundle would say, and gets the smaller OPA of `funkhaus.policy.compiler`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import InvalidError, TimedOutError, UnavailableError
from funkhaus.domain.verdict import Finding
from funkhaus.policy import answers, bundle, inputs
from funkhaus.policy.compiler import FORBIDDEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.policy_set import PolicySet
    from funkhaus.domain.question import Question

SECONDS = 60.0
"""For one run."""
AT_ONCE = 2
"""Runs beside each other: they share the API server's memory."""
OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes of one answer."""
QUERY = "data.trial.answers"
MODULE = """\
package trial

answers[number] := answer if {
	some number, question in input.questions
	answer := data.funkhaus.main.findings with input as question
}
"""
SMALL = {"GOMAXPROCS": "1", "GOGC": "1600"}
"""A run has one processor, and collects garbage seldom: two thirds of the time of Go's
defaults at twice the memory (140 MiB)."""


class OpaTrial:
    """`program` is `opa` itself; `at_once` runs beside each other, each on a processor of its own."""

    def __init__(self, program: str, *, seconds: float = SECONDS, at_once: int = AT_ONCE) -> None:
        self._program, self._seconds = program, seconds
        self._places = asyncio.Semaphore(at_once)

    def question(self, question: Question) -> str:
        """The document OPA gets, as JSON."""
        return json.dumps(inputs.document(question), ensure_ascii=False, separators=(",", ":"))

    async def findings(
        self, policies: PolicySet, questions: Sequence[str]
    ) -> Sequence[tuple[Finding, ...]]:
        """What the set finds in each question (JSON), in order."""
        async with self._places:
            with tempfile.TemporaryDirectory(prefix="funkhaus-trial-") as name:
                folder = Path(name)
                await asyncio.to_thread(_lay_out, folder, policies, questions)
                document = await self._run(folder)
        return await asyncio.to_thread(_read, document, len(questions))

    async def _run(self, folder: Path) -> Any:  # noqa: ANN401 - JSON
        program = shutil.which(self._program)
        if program is None:
            raise UnavailableError(
                f"there is no program {self._program!r} to try policies with (FUNKHAUS_OPA_PROGRAM)"
            )
        capabilities = await self._output(folder, program, "capabilities", "--current")
        allowed = json.loads(capabilities)
        allowed["builtins"] = [one for one in allowed["builtins"] if one["name"] not in FORBIDDEN]
        (folder / "capabilities.json").write_text(json.dumps({**allowed, "allow_net": []}))
        words = (
            *("eval", "--format=json", "--capabilities=capabilities.json", "--data=set"),
            *("--data=trial.rego", "--input=questions.json", QUERY),
        )
        try:
            return json.loads(await self._output(folder, program, *words))
        except ValueError as error:
            raise UnavailableError("opa's answer is not JSON") from error

    async def _output(self, folder: Path, program: str, *words: str) -> bytes:
        out = folder / "out.json"
        with out.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                program,
                *words,
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.DEVNULL,  # what it says of itself is in its document
                env=SMALL,  # nothing of this process's for a rule to see
            )
            try:
                async with asyncio.timeout(self._seconds):
                    code = await process.wait()
            except TimeoutError as error:
                raise TimedOutError(
                    f"the rules did not answer a batch within {self._seconds:g} s"
                ) from error
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if out.stat().st_size > OUTPUT_LIMIT:
            raise InvalidError.at(
                Finding(
                    "policy-says-too-much",
                    f"the rules' answers to one batch have more than {OUTPUT_LIMIT} bytes",
                    "files",
                    limit=OUTPUT_LIMIT,
                )
            )
        said = await asyncio.to_thread(out.read_bytes)
        if code:
            raise InvalidError.at(Finding("policy-fails", _problem(said), "files"))
        return said


def _lay_out(folder: Path, policies: PolicySet, questions: Sequence[str]) -> None:
    for name, text in policies.deciding.items():
        if name.endswith(".rego"):
            path = folder / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    (folder / "set" / "data").mkdir(parents=True)
    documents = {**bundle.documents(policies), "revision": policies.revision}
    (folder / "set" / "data" / "data.json").write_bytes(bundle.canonical(documents))
    (folder / "trial.rego").write_text(MODULE)
    joined = ",".join(questions)
    (folder / "questions.json").write_text(f'{{"questions":[{joined}]}}', encoding="utf-8")


def _read(document: Any, count: int) -> list[tuple[Finding, ...]]:  # noqa: ANN401 - JSON
    try:
        found = document["result"][0]["expressions"][0]["value"]
        return [answers.findings(found[str(number)]) for number in range(count)]
    except (KeyError, IndexError, TypeError) as error:
        raise InvalidError.at(
            Finding("policy-silent", "the rules do not answer every question", "files")
        ) from error


def _problem(said: bytes) -> str:
    try:
        return f"the rules break: {json.loads(said)['errors'][0]['message']}"[:500]
    except (ValueError, LookupError, TypeError):
        return "the rules break, and opa gives no reason"
