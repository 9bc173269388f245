"""Whether the kernel has killed processes of this container for their memory (cgroup v2, or v1)."""

from __future__ import annotations

from pathlib import Path

_FILES = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))


def oom_kills(files: tuple[Path, ...] = _FILES) -> int | None:
    """How many processes the kernel has killed so far, None where it can't be known."""
    for file in files:
        try:
            lines = file.read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            name, _, value = line.partition(" ")
            if name == "oom_kill" and value.isdigit():
                return int(value)
    return None
