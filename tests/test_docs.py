"""The docs: programs run, examples print what they say, and the tables name what there is."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from minnet.nn import init

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PROGRAM = re.compile(r"```python\n(?!>>>)((?:(?!```).*\n)*)```\n")
every_page = pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)


@every_page
def test_programs_run_one_after_another(path):
    names = {"__name__": path.stem}
    for program in PROGRAM.findall(path.read_text(encoding="utf-8")):
        exec(compile(program, str(path), "exec"), names)


@every_page
def test_links_and_named_files_exist(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []
    named = re.findall(r"`((?:tests|benchmarks|examples|minnet)/[\w./]+)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


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
