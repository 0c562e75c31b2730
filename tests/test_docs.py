"""The docs: programs run and print what they say, and the tables name what there is.

After a change of output, `python tests/test_docs.py` writes the new one into the pages.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
from pathlib import Path

import pytest

from minnet.nn import init

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# A program, and what it prints where a block of text follows it.
BLOCK = r"```{}\n((?:(?!```).*\n)*)```\n"
PROGRAM = re.compile(BLOCK.format("python(?!\n>>>)") + rf"(?:\n{BLOCK.format('text')})?")
COLUMNS = "100"  # which tables fit into
every_page = pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)


def programs(path: Path) -> list[tuple[str, str]]:
    """Return (program, output) for each program of a page; the output is "" where none follows."""
    return PROGRAM.findall(path.read_text(encoding="utf-8"))


def outputs(path: Path) -> list[str]:
    """Run a page's programs, one after another with the same names; return what each prints."""
    names = {"__name__": path.stem}
    printed = []
    for program, _ in programs(path):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(program, str(path), "exec", dont_inherit=True), names)
        printed.append(out.getvalue())
    return printed


@every_page
def test_programs_run_one_after_another_and_print_what_the_page_says(path, monkeypatch):
    monkeypatch.setenv("COLUMNS", COLUMNS)
    assert outputs(path) == [output for _, output in programs(path)]


def test_a_program_is_found_with_its_output(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nx = 1\n```\n\n```sh\nls\n```\n\n```python\nprint(x)\n```\n\n"
        "```text\n2\n```\n\n```python\n>>> 1\n1\n\n```\n",
        encoding="utf-8",
    )
    assert programs(page) == [("x = 1\n", ""), ("print(x)\n", "2\n")]
    assert outputs(page) == ["", "1\n"]


@every_page
def test_links_and_named_files_exist(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []
    named = re.findall(r"`((?:tests|benchmarks|examples|minnet)/[\w./]+)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


@every_page
def test_named_tests_exist(path):
    for file, name in re.findall(r"`(tests/[\w./]+\.py)::(\w+)`", path.read_text(encoding="utf-8")):
        functions = re.findall(r"^def (test_\w+)\(", (ROOT / file).read_text("utf-8"), re.M)
        assert name in functions, f"{path.name} names {file}::{name}"


@every_page
def test_examples_print_what_they_say(path):
    failed, _ = doctest.testfile(str(path), module_relative=False, encoding="utf-8")
    assert failed == 0


def test_every_initializer_is_in_the_document():
    text = (DOCS / "initializers.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+_)[`(]", text))
    there = {name for name in init.__all__ if name.endswith("_") and not name.startswith("by_")}
    assert there - named == set()
    assert {name for name in named if not hasattr(init, name)} == set()


if __name__ == "__main__":
    os.environ["COLUMNS"] = COLUMNS
    for page in sorted(DOCS.glob("*.md")):
        markdown = page.read_text(encoding="utf-8")
        for (program, before), now in zip(programs(page), outputs(page), strict=True):
            start = f"```python\n{program}```\n\n```text\n"
            markdown = markdown.replace(f"{start}{before}", f"{start}{now}")
        page.write_text(markdown, encoding="utf-8")
