"""What a line of dependencies may be, and that pip gets nothing else to read."""

from __future__ import annotations

import pytest

from funkhaus.domain.requirements import LINE_LIMIT, PROBLEMS_LIMIT, Wrong, parse

SHA = "a" * 64


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("requests", "requests"),
        ("requests==2.32.3", "requests==2.32.3"),
        ("  requests == 2.32.3  ", "requests==2.32.3"),
        ("requests>=2, <3", "requests>=2,<3"),
        ("requests (>=2,<3)", "requests>=2,<3"),
        ("zope.interface~=6.0", "zope.interface~=6.0"),
        ("Flask[async , dotenv]==3.0", "Flask[async,dotenv]==3.0"),
        ("x==1.*", "x==1.*"),
        ("x===1.0+local", "x===1.0+local"),
        ("x==1!2.0", "x==1!2.0"),
        ("tzdata; sys_platform == 'win32'", "tzdata ; sys_platform == 'win32'"),
        (
            'a ; python_version < "3.12" and (os_name == "posix")',
            'a ; python_version < "3.12" and (os_name == "posix")',
        ),
        (f"x==1 --hash=sha256:{SHA}", f"x==1 --hash=sha256:{SHA}"),
        (
            f"x==1 \\\n    --hash=sha256:{SHA} \\\n    --hash=sha256:{SHA}",
            f"x==1 --hash=sha256:{SHA}",
        ),
        ("x==1  # why", "x==1"),
        ("\N{BYTE ORDER MARK}x==1", "x==1"),
        ("x==1\r", "x==1"),
    ],
)
def test_a_requirement_is_written_anew(line: str, text: str) -> None:
    found = parse(line)
    assert found.problems == ()
    assert found.text == f"{text}\n"
    assert parse(found.text) == found, "what is written is read the same"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("--index-url https://example.com", Wrong.INDEX),
        ("--index-url=https://example.com", Wrong.INDEX),
        ("-i https://example.com", Wrong.INDEX),
        ("--extra-index-url=x", Wrong.INDEX),
        ("--find-links .", Wrong.INDEX),
        ("-f .", Wrong.INDEX),
        ("--trusted-host example.com", Wrong.INDEX),
        ("-e .", Wrong.EDITABLE),
        ("--editable=git+https://example.com/x", Wrong.EDITABLE),
        ("-r other.txt", Wrong.FILE),
        ("-c constraints.txt", Wrong.FILE),
        ("--pre", Wrong.OPTION),
        ("--no-binary :all:", Wrong.OPTION),
        ("--config-settings x", Wrong.OPTION),
        ("-ihttps://example.com", Wrong.OPTION),
        ("git+https://example.com/x.git", Wrong.VCS),
        ("x @ git+ssh://git@example.com/x", Wrong.VCS),
        ("https://example.com/x.whl", Wrong.URL),
        ("x @ https://example.com/x.whl", Wrong.URL),
        ("x@file:///etc/passwd", Wrong.URL),
        ("./x", Wrong.PATH),
        ("../x", Wrong.PATH),
        ("/x", Wrong.PATH),
        ("~/x", Wrong.PATH),
        ("folder/x", Wrong.PATH),
        ("x-1-py3-none-any.whl", Wrong.PATH),
        ("x.tar.gz", Wrong.PATH),
        ("C:\\x", Wrong.PATH),
        ("x==1 --global-option=x", Wrong.MALFORMED),
        ("x==1 --hash=sha256:abc", Wrong.MALFORMED),
        ("x==1 --hash=md5:" + "a" * 32, Wrong.MALFORMED),
        ("x==${VERSION}", Wrong.MALFORMED),
        ("two words", Wrong.MALFORMED),
        ("x=1", Wrong.MALFORMED),
        ("x==", Wrong.MALFORMED),
        ("ünïcode", Wrong.MALFORMED),
        ("x==1\x0b--index-url=y", Wrong.MALFORMED),
        ("x\x00", Wrong.MALFORMED),
        ("x;" + "a" * LINE_LIMIT, Wrong.MALFORMED),
    ],
)
def test_whatever_else_is_named_by_its_line(line: str, kind: Wrong) -> None:
    found = parse(f"# first\n\n{line}\nfine==1\n")
    assert [(item.line, item.kind) for item in found.problems] == [(3, kind)]
    assert found.text == "fine==1\n"


def test_pip_reads_printable_ascii_only() -> None:
    found = parse("# -*- coding: utf-16 -*-\nx==1 # é\ny\u2028--index-url=z\nz\u0085\n")
    assert all(" " <= character <= "~" for character in found.text.replace("\n", ""))
    assert found.text == "x==1\nz\n"


def test_comments_and_blank_lines_are_nothing() -> None:
    assert parse("\n# a\n   \n\t#b\n").lines == ()
    assert parse("").text == ""


def test_a_continued_line_has_the_number_it_begins_at() -> None:
    assert [item.line for item in parse("a==1\n--pre \\\n  x\nb==1 \\").problems] == [2, 4]


def test_problems_are_bounded() -> None:
    assert len(parse("-e .\n" * 1000).problems) == PROBLEMS_LIMIT


def test_b56_a_long_file_is_read_at_once() -> None:
    found = parse("a" * 65_000)
    assert [item.kind for item in found.problems] == [Wrong.MALFORMED]
    assert parse("[" * 60_000 + "\n" + "a-" * 30_000).lines == ()
