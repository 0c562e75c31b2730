"""The house holds: imports run downward only, Numba stays in the kernels, the import is light.

The rules are checked by reading the source, so an import inside a function counts as well.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "minnet").rglob("*.py"))

# From the ground up. A module may import its own level and those before it. `nn.init` lies below
# the rest of `nn`. "" is `minnet/__init__.py`, which sees everything.
LEVELS = [
    ["atomic", "devices", "dtypes", "formats", "missing", "printing", "scalar", "size"],
    ["kernels"],
    ["mode"],
    ["variable", "vocabulary"],
    ["reading"],
    ["graph"],
    ["backward"],
    ["recorder"],
    ["operation"],
    ["random"],
    ["functional"],
    ["creation"],
    ["ranges"],
    ["methods"],
    ["tensor"],
    ["typed"],
    ["autograd", "cuda", "functions", "linalg"],
    ["nn.init", "nn.kinds"],
    ["nn"],
    ["func", "optim"],
    ["archive", "data", "distributions", "serialization"],
    ["datasets", "transforms", "utils"],
    ["doctor", "warmup"],
    [""],
    ["as_torch"],
]
CORE = {"numpy"}
COMPILER = {"numba", "llvmlite"}  # in kernels/ only
# Inside functions only.
EXTRAS = {
    "PIL",
    "matplotlib",
    "ml_dtypes",
    "mpi4py",
    "nvmath",
    "pooch",
    "requests",
    "safetensors",
    "tqdm",
}


def level(module: str) -> int | None:
    """Return the level of a module of minnet: that of the longest listed name that leads to it."""
    inside = module.removeprefix("minnet").removeprefix(".")
    found = [
        (len(name), number)
        for number, names in enumerate(LEVELS)
        for name in names
        if inside == name or (name and inside.startswith(name + "."))
    ]
    return max(found)[1] if found else None


def module_of(path: Path) -> str:
    """Return a file's dotted name: minnet/nn/__init__.py is minnet.nn."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path) for path in FILES}


def for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(
    tree: ast.AST, package: str, modules: set[str], inside_function: bool = False
) -> Iterator[tuple[str, bool]]:
    """Yield (imported module, whether a function does it), imports for type checkers left out.

    `from package import name` imports the module `package.name` where there is one.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, inside_function
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner if inner in modules else base), inside_function
        elif for_types_only(node):
            for other in node.orelse:
                yield from imports(ast.Module([other], []), package, modules, inside_function)
        else:
            deeper = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports(node, package, modules, inside_function or deeper)


def violations(
    module: str, source: str, is_package: bool = False, modules: set[str] = MODULES
) -> list[str]:
    """Return what in a module's source breaks the rules, in words."""
    tree = ast.parse(source)
    own = level(module)
    broken = []
    if not ast.get_docstring(tree):
        broken.append("no docstring that says what lives here")
    if own is None:
        return [*broken, "no level: give it one in LEVELS"]
    package = module if is_package else module.rpartition(".")[0]
    for name, inside_function in imports(tree, package, modules):
        top = name.partition(".")[0]
        if top == "minnet":
            theirs = level(name)
            if theirs is None or theirs > own:
                broken.append(f"imports {name}, which does not lie below it")
        elif top in COMPILER:
            if not module.startswith("minnet.kernels"):
                broken.append(f"imports {name} outside kernels/")
        elif top in EXTRAS:
            if not inside_function:
                broken.append(f"imports {name}, an extra, at import")
        elif top not in CORE and top not in sys.stdlib_module_names:
            broken.append(f"imports {name}, which is no dependency")
    return broken


def is_re_export(statement: ast.stmt) -> bool:
    """Say whether a statement is a docstring, an import, or a plain `__all__` or `__version__`.

    `__all__` may end with the names that declarations made, `*_functions`.
    """
    if isinstance(statement, ast.Assign):
        names = {ast.unparse(target) for target in statement.targets}
        value = statement.value
        if isinstance(value, ast.List) and ast.unparse(value).endswith(", *_functions]"):
            value.elts.pop()
        try:
            ast.literal_eval(value)
        except ValueError:
            return False
        return names <= {"__all__", "__version__"}
    return isinstance(statement, ast.Import | ast.ImportFrom) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_file_keeps_the_rules(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert violations(module_of(path), source, path.name == "__init__.py") == []


def test_the_package_file_only_re_exports() -> None:
    tree = ast.parse((ROOT / "minnet" / "__init__.py").read_text(encoding="utf-8"))
    assert [ast.unparse(node) for node in tree.body if not is_re_export(node)] == []


WORLD = {
    "minnet",
    "minnet.kernels",
    "minnet.random",
    "minnet.tensor",
    "minnet.nn",
    "minnet.nn.init",
}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("minnet.random.generator", "from minnet import kernels"),
        ("minnet.random.generator", "from ..kernels import of"),
        ("minnet.kernels.jit", "import numba\nfrom llvmlite import ir"),
        ("minnet.kernels.jit", "from minnet.kernels.cache import KernelCache"),
        ("minnet.nn.linear", "from minnet.nn import init"),
        ("minnet.nn.init.fills", "from minnet.tensor import Tensor"),
        ("minnet.tensor", "import numpy as np\nimport math"),
        ("minnet.data", "def fetch():\n    import pooch"),
        (
            "minnet.random",
            "import typing\nif typing.TYPE_CHECKING:\n    from minnet.tensor import Tensor",
        ),
    ],
)
def test_checker_passes_what_is_allowed(module: str, source: str) -> None:
    assert violations(module, f'"""Says what it is."""\n{source}', modules=WORLD) == []


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("minnet.kernels.cpu", "from minnet.tensor import Tensor", "imports minnet.tensor"),
        ("minnet.kernels.cpu", "from minnet import tensor", "imports minnet.tensor"),
        ("minnet.kernels.cpu.fill", "from ...tensor import Tensor", "imports minnet.tensor"),
        ("minnet.kernels.cpu", "from minnet import Tensor", "imports minnet,"),
        ("minnet.random", "import minnet.nn", "imports minnet.nn"),
        ("minnet.random", "def f():\n    import minnet.nn", "imports minnet.nn"),
        ("minnet.nn.init", "from minnet.nn.linear import Linear", "imports minnet.nn.linear"),
        ("minnet.nn.init", "from minnet import nn", "imports minnet.nn"),
        ("minnet.tensor", "import numba", "imports numba outside"),
        ("minnet.tensor", "def f():\n    from numba import njit", "imports numba outside"),
        ("minnet.data", "import pooch", "an extra, at import"),
        ("minnet.data", "try:\n    import tqdm\nexcept ImportError:\n    pass", "an extra"),
        ("minnet.data", "def f():\n    import torch", "imports torch, which is no dependency"),
        ("minnet.data", "import scipy.special", "imports scipy.special, which is no dependency"),
        (
            "minnet.data",
            "import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import torch",
            "imports torch",
        ),
        ("minnet.helpers", "", "no level"),
    ],
)
def test_checker_finds_what_is_not(module: str, source: str, complaint: str) -> None:
    found = violations(module, f'"""Says what it is."""\n{source}', modules=WORLD)
    assert len(found) == 1
    assert complaint in found[0]


def test_checker_asks_for_a_docstring() -> None:
    assert violations("minnet.tensor", "import math") == ["no docstring that says what lives here"]


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ('"""What this is."""', True),
        ("from minnet.tensor import Tensor", True),
        ("import minnet.nn as nn", True),
        ('__all__ = ["Tensor"]', True),
        ('__all__ = ["Tensor", *_functions]', True),
        ('__version__ = "0.1.0"', True),
        ("__all__ = sorted(globals())", False),
        ("threads = 2", False),
        ("def f(): pass", False),
        ("if True: import math", False),
        ("register()", False),
    ],
)
def test_re_exports_are_told_from_logic(statement: str, allowed: bool) -> None:
    assert is_re_export(ast.parse(statement).body[0]) is allowed


def test_import_loads_numpy_and_nothing_else() -> None:
    # numba above all: it takes longer to import than the rest together.
    program = (
        "import sys, numpy; before = set(sys.modules); import minnet;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert "minnet" in loaded
    assert loaded - sys.stdlib_module_names <= {"minnet", "numpy"}


def test_every_public_name_is_there_and_every_name_there_is_public() -> None:
    import minnet

    missing = [name for name in minnet.__all__ if not hasattr(minnet, name)]
    assert missing == []
    assert len(set(minnet.__all__)) == len(minnet.__all__)
    module = type(sys)
    bound = {
        name
        for name, value in vars(minnet).items()
        if not name.startswith("_") and not isinstance(value, module) and name != "annotations"
    }
    assert bound - set(minnet.__all__) == set()


def test_version_is_the_one_that_is_packaged() -> None:
    import minnet

    assert f'\nversion = "{minnet.__version__}"\n' in (ROOT / "pyproject.toml").read_text()
