"""What the function prints: passed through as it is, line by line, and never left without a line's end.

The log of a container is one stream of lines. A function that prints half a line would have the server's next one
glued to it, so what it leaves unended when its call ends gets an end.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Output(io.RawIOBase):
    """A file descriptor that remembers whether its last byte ended a line."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.ended = True

    def fileno(self) -> int:
        """The descriptor; what is written there directly is not seen here."""
        return self._fd

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Write what the descriptor takes."""
        view = memoryview(data)
        count = os.write(self._fd, view)
        if count:
            self.ended = bytes(view[count - 1 : count]) == b"\n"
        return count


_outputs: list[tuple[Output, io.TextIOWrapper]] = []


def install() -> None:
    """Make `sys.stdout` and `sys.stderr` such outputs, buffered to the end of each line."""
    for name, fd in (("stdout", 1), ("stderr", 2)):
        output = Output(fd)
        stream = io.TextIOWrapper(
            io.BufferedWriter(output),
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=True,
        )
        setattr(sys, name, stream)
        _outputs.append((output, stream))


def end_lines() -> None:
    """Write what is buffered, and an end where a line has none."""
    for output, stream in _outputs:
        with contextlib.suppress(OSError, ValueError):  # the function may have closed it
            stream.flush()
            if not output.ended:
                output.write(b"\n")
