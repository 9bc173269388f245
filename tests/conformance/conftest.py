"""Every test runs once per runtime; those that ask for `isolating` only where a call can't hurt its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import pytest

from .catalogue import RUNTIMES
from .process import RuntimeProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .process import Runtime


Running = Callable[[str], RuntimeProcess]


class Start(Protocol):
    """Starts the runtime under test with one of the suite's functions."""

    def __call__(self, function: str, /, *, ready: bool = True, **env: str) -> RuntimeProcess: ...


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "isolating: only for runtimes where a call may end its process alone"
    )
    config.addinivalue_line("markers", "only(*names): a promise only these runtimes make")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "runtime" in metafunc.fixturenames:
        isolating = metafunc.definition.get_closest_marker("isolating") is not None
        only = metafunc.definition.get_closest_marker("only")
        chosen = [
            runtime
            for runtime in RUNTIMES
            if (runtime.isolates or not isolating) and (only is None or runtime.name in only.args)
        ]
        metafunc.parametrize("runtime", chosen, ids=lambda runtime: runtime.name, scope="session")


@pytest.fixture(scope="session")
def shared(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Runtime, str], RuntimeProcess]]:
    """Processes that several tests call, each started when first asked for."""
    processes: dict[tuple[str, str], RuntimeProcess] = {}

    def process(runtime: Runtime, function: str) -> RuntimeProcess:
        key = (runtime.name, function)
        if key not in processes:
            processes[key] = RuntimeProcess(
                runtime, function, tmp_path_factory.mktemp(function)
            ).wait_ready()
        return processes[key]

    yield process
    for process_ in processes.values():
        process_.close()


@pytest.fixture
def running(
    runtime: Runtime, shared: Callable[[Runtime, str], RuntimeProcess]
) -> Callable[[str], RuntimeProcess]:
    """A function with the contract's usual settings, possibly already called by others."""
    return lambda function: shared(runtime, function)


@pytest.fixture
def start(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """A function in a process of the test's own, with settings of its own."""
    started: list[RuntimeProcess] = []

    def begin(function: str, /, *, ready: bool = True, **env: str) -> RuntimeProcess:
        process = RuntimeProcess(runtime, function, tmp_path_factory.mktemp(function), **env)
        started.append(process)
        return process.wait_ready() if ready else process

    yield begin
    for process in started:
        process.close()
