"""Tables of torch's answers: small programs, and what torch 2.13 makes of each.

A file of `known/` holds programs written as Python sessions, each with the description of its last
expression. minnet must give the same; so must torch where it is installed, which keeps the tables
true. An error is `Type: text`, or `Type` alone where minnet words it its own way; minnet may add to
a text. Numbers agree to 2e-6 of their size, for torch's own sums and powers are no more exact.

`python tests/oracle.py tests/known/shape.txt` writes torch's answers into a file anew.
"""

from __future__ import annotations

import ast
import copy
import math
import pickle
import re
import sys
import warnings
from doctest import DocTestParser
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

KNOWN = Path(__file__).parent / "known"
NUMBER = re.compile(r"(?<![\w.])-?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf|nan)(?![\w.])")
LIBRARIES = ("minnet", "torch")


def described(value: Any) -> str:
    """Return a value's type and content in words that do not depend on how tensors are printed."""
    if hasattr(value, "requires_grad") and hasattr(value, "detach"):
        dtype = str(value.dtype).removeprefix("torch.")
        elements: Any = value.detach().numpy()
        if dtype == "float32":  # the shortest digits that give the float32
            elements = np.vectorize(lambda v: float(str(v)), otypes=[float])(elements)
        text = f"{dtype} {elements.tolist() if elements.size else list(elements.shape)}"
        if value.grad_fn is not None:
            return f"{text} {value.grad_fn.name()}"
        return text + " leaf" * value.requires_grad
    if isinstance(value, tuple) and hasattr(value, "values") and hasattr(value, "indices"):
        name = type(value).__name__
        return f"{name}(values={described(value.values)}, indices={described(value.indices)})"
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return f"({', '.join(map(described, value))})"
    return repr(value)


def outcome(program: str, library: ModuleType) -> str:
    """Return the description of a program's last expression, or its error."""
    statements = ast.parse(program).body
    names: dict[str, Any] = {"torch": library, "np": np, "copy": copy, "pickle": pickle}
    names["leaf"] = lambda data: library.tensor(data, dtype=library.float32, requires_grad=True)
    data = library.data if hasattr(library, "data") else library.utils.data
    names["collate"] = data.default_collate
    with warnings.catch_warnings():
        warnings.simplefilter("error" if library.__name__ == "minnet" else "ignore")
        try:
            for statement in statements[:-1]:
                exec(compile(ast.Module([statement], []), "<program>", "exec"), names)
            last = statements[-1]
            if isinstance(last, ast.Expr):
                code = compile(ast.Expression(last.value), "<program>", "eval")
                return described(eval(code, names))
            exec(compile(ast.Module([last], []), "<program>", "exec"), names)
            return "nothing"
        except Exception as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def sessions(path: Path) -> list[tuple[str, str]]:
    """Return (program, answer) for each session of a file."""
    found, lines = [], []
    for example in DocTestParser().get_examples(path.read_text()):
        lines.append(example.source)
        if example.want:
            found.append(("".join(lines), example.want.strip()))
            lines = []
    assert not lines, f"the last program of {path.name} has no answer"
    return found


def same(got: str, known: str, extended: bool = False) -> bool:
    """Return whether two descriptions agree; a `known` error may leave out the text."""
    if re.fullmatch(r"\w+(Error|Warning)", known):
        return got.split(":")[0] == known
    if re.match(r"\w+(Error|Warning): ", known):
        return got == known or (extended and got.startswith(known.rstrip(". ")))
    if NUMBER.sub("#", got) != NUMBER.sub("#", known):
        return False
    return all(
        a == b or math.isclose(float(a), float(b), rel_tol=2e-6, abs_tol=1e-12)
        for a, b in zip(NUMBER.findall(got), NUMBER.findall(known), strict=True)
    )


def table(name: str) -> Any:
    """Run a test with `(library, program, known)` for each session of a table and library."""
    cases = [
        pytest.param(library, program, known, id=f"{library}-{i}-{program.splitlines()[-1][:60]}")
        for library in LIBRARIES
        for i, (program, known) in enumerate(sessions(KNOWN / f"{name}.txt"))
    ]
    return pytest.mark.parametrize(("library", "program", "known"), cases)


def check(library: str, program: str, known: str) -> None:
    """Check that a program gives the known answer."""
    got = outcome(program, pytest.importorskip(library))
    assert same(got, known, extended=library == "minnet"), (
        f"\n{program}known: {known}\n  got: {got}"
    )


def record(path: Path) -> None:
    """Write torch's answers into a table."""
    import torch

    text = []
    for block in re.split(r"\n(?=\n)", path.read_text().strip("\n")):
        lines = block.strip("\n").splitlines()
        comments = [line for line in lines if line.startswith("#")]
        source = [line for line in lines if line.startswith((">>> ", "... "))]
        known = " ".join(line for line in lines if not line.startswith((">>> ", "... ", "#")))
        if source:
            answer = outcome("\n".join(line[4:] for line in source) + "\n", torch)
            if re.fullmatch(r"\w+(Error|Warning)", known):
                answer = answer.split(":")[0]
            source.append(answer)
        text.append("\n".join(comments + source))
    path.write_text("\n\n".join(text) + "\n")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        record(Path(argument))
