"""The programs on the pages of the docs run, one after another as a reader meets them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
PROGRAM = re.compile(r"```python\n((?:(?!```).*\n)*)```\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_run(page: Path) -> None:
    names: dict[str, object] = {"__name__": page.stem}
    for program in PROGRAM.findall(page.read_text(encoding="utf-8")):
        exec(compile(program, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    named = re.findall(r"`((?:tests|benchmarks|examples|minnet)/[\w./]+)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []
