"""The README's programs print what the README says they print.

After a change of output, `python tests/test_readme.py` writes the new one into the README.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = r"```{}\n((?:(?!```).*\n)*)```\n"
EXAMPLE = re.compile(BLOCK.format("python") + r"\n?" + BLOCK.format("text"))
COMMANDS = [
    'python -m pip install -e ".[examples]" && python examples/mnist_mlp.py',
    'python -m pip install -e ".[test]" && python -m pytest',
]


def examples(markdown: str) -> list[tuple[str, str]]:
    """Return (program, output) for each python block that a text block follows."""
    return EXAMPLE.findall(markdown)


def run(program: str) -> str:
    """Return what a program prints in a process of its own; fail where it fails or warns."""
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(
        command,
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "100"},  # which tables fit into
    ).stdout


def test_readme_opens_with_a_program_and_its_output() -> None:
    text = README.read_text(encoding="utf-8")
    assert examples(text)
    assert text.count("```python") == len(examples(text)), "a program without its output"


@pytest.mark.parametrize("example", examples(README.read_text(encoding="utf-8")))
def test_program_prints_what_the_readme_says(example: tuple[str, str]) -> None:
    program, output = example
    assert run(program) == output


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_has_the_set_up_commands_word_for_word(command: str) -> None:
    assert f"\n{command}\n" in README.read_text(encoding="utf-8")


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_blocks_are_paired() -> None:
    markdown = (
        "```python\nprint(1)\n```\n\n```text\n1\n```\n"
        "```python\nalone()\n```\n\nprose\n\n```text\nno output\n```\n"
        "```python\nprint(2)\n```\n```text\n2\n```\n"
    )
    assert examples(markdown) == [("print(1)\n", "1\n"), ("print(2)\n", "2\n")]


def test_run_returns_output_and_raises_on_a_warning() -> None:
    assert run("print('a\\nb')") == "a\nb\n"
    with pytest.raises(subprocess.CalledProcessError):
        run("import warnings; warnings.warn('no')")


if __name__ == "__main__":
    markdown = README.read_text(encoding="utf-8")
    for program, output in examples(markdown):
        pair = f"```python\n{program}```\n\n```text\n"
        markdown = markdown.replace(f"{pair}{output}", f"{pair}{run(program)}")
    README.write_text(markdown, encoding="utf-8")
