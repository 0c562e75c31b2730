"""The documents: their examples print what they say, and the tables name what there is."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from minnet.nn import init

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_examples_print_what_they_say(path):
    failed, _ = doctest.testfile(str(path), module_relative=False, encoding="utf-8")
    assert failed == 0


def test_every_initializer_is_in_the_document():
    text = (DOCS / "initializers.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+_)[`(]", text))
    there = {name for name in init.__all__ if name.endswith("_") and not name.startswith("by_")}
    assert there - named == set()
    assert {name for name in named if not hasattr(init, name)} == set()
