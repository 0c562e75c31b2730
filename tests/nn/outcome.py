"""Run one program with minnet or with torch, and say what came of it in words.

The tests hold tables of programs, written as Python sessions, with what torch 2.13 makes of them.
minnet must make the same; and so must torch, where it is installed: that keeps the tables true.
"""

from __future__ import annotations

import ast
import copy
import pickle
import warnings
from collections import OrderedDict
from doctest import DocTestParser
from types import ModuleType
from typing import Any

import pytest

import minnet


def outcome(program: str, library: ModuleType) -> str:
    """Return the repr of a program's last expression, or its error's type and message."""
    statements = ast.parse(program)
    last = statements.body[-1]
    names: dict[str, Any] = {
        "torch": library,
        "nn": library.nn,
        "OrderedDict": OrderedDict,
        "copy": copy,
        "pickle": pickle,
    }
    result = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if isinstance(last, ast.Expr):
                statements.body.pop()
            exec(compile(statements, "<program>", "exec"), names)
            if isinstance(last, ast.Expr):
                result = repr(eval(ast.unparse(last), names))
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
    for package in ("torch.nn.modules.", "minnet.nn."):  # where the classes live
        for file in ("activation.", "linear.", "module.", "container."):
            result = result.replace(package + file, "")
    return "\n".join(line.rstrip() for line in result.expandtabs().splitlines())


def sessions(text: str, setup: str = "") -> list[tuple[str, str]]:
    """Return (program, outcome) for each session of a text; `setup` is put before every program."""
    programs, lines = [], []
    for example in DocTestParser().get_examples(text):
        lines.append(example.source)
        if example.want:
            want = "\n".join(line.rstrip() for line in example.want.splitlines())
            programs.append((setup + "".join(lines), want))
            lines = []
    assert not lines, "the last program has no outcome"
    return programs


def minnet_and_torch(text: str, setup: str = "") -> Any:
    """Run a test with `(library, program, expected)` for each session of a text, in both."""
    cases = [
        pytest.param(library, program, want, id=f"{library}-{i}")
        for i, (program, want) in enumerate(sessions(text, setup))
        for library in ("minnet", "torch")
    ]
    return pytest.mark.parametrize(("library", "program", "expected"), cases)


def check(library: str, program: str, expected: str) -> None:
    """Run a program; minnet may add to torch's message, behind a semicolon, how to put it right."""
    module = minnet if library == "minnet" else pytest.importorskip("torch")
    result = outcome(program, module)
    assert result == expected or (
        library == "minnet" and "Error: " in expected and result.startswith(expected + "; ")
    ), f"{program}\nexpected: {expected}\n     got: {result}"
