"""The rules of the house that no other test sees: who may import whom, how large a module is, what it opens with."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 450
"""Lines: a module that outgrows about 400 becomes a folder."""
SOURCES = sorted(path for room in ("shared", "services", "deploy") for path in (ROOT / room).rglob("*.py"))
SOURCES = [path for path in SOURCES if "node_modules" not in path.parts]


def test_services_do_not_know_each_other_and_the_foundation_knows_no_service():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_module_is_small_and_says_what_it_is_for():
    long = [_name(path) for path in SOURCES if len(path.read_text().splitlines()) > LONGEST]
    assert not long, f"longer than {LONGEST} lines: {', '.join(long)}"
    trees = {_name(path): ast.parse(path.read_text()) for path in SOURCES}
    silent = [name for name, tree in trees.items() if tree.body and not ast.get_docstring(tree)]
    assert not silent, f"without two or three lines at the top that say what it is for: {', '.join(silent)}"


def test_what_the_foundation_offers_is_explained():
    bare = [
        f"{_name(path)}: {node.name}"
        for path in SOURCES
        if "services" not in path.parts
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and node.name != "main"
        and not ast.get_docstring(node)
    ]
    assert not bare, f"public, and without a docstring: {', '.join(bare)}"


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))
