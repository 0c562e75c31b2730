"""What is generated from the declarations is up to date."""

import pytest
from stubs import GENERATED, ROOT


@pytest.mark.parametrize("path", GENERATED)
def test_generated_file_is_what_the_declarations_say(path):
    written = (ROOT / path).read_text(encoding="utf-8")
    assert written == GENERATED[path](), "run `python tests/stubs.py`"
