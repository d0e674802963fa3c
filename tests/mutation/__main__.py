"""Change the code in one small place at a time, and see whether its tests notice.

    python -m tests.mutation [MODULE...] [--again]

cosmic-ray makes the changes. Its own runner starts Python anew for each, which takes longer here
than the tests do, so this one collects the tests of a module once and forks for each change.
``modules.toml`` names the tests, and the changes that change nothing. The same changes are drawn
every time; ``--again`` judges those that survived last time. Exits 1 if a module falls short.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from zlib import crc32

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

HERE = Path(__file__).parent
ROOT, RESULTS = HERE.parents[1], HERE.parents[1] / "build" / "mutation"
#: Changes judged of each module, the share that must be noticed, and how long its tests may take:
#: seconds, and times as long as on the code as it is.
SAMPLE, ENOUGH, LEAST, LONGEST = 30, 0.9, 20.0, 5
SWAPS = "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_Mul Pow_Mul BitOr_BitAnd BitAnd_BitOr"
LEFT_OUT = ("Decorator", "Exception", "Variable", "_Is", "UAdd", "Invert", "USub_Not")
OPTIONS = ["-xqqs", "--tb=no", "-pno:cacheprovider", "-pno:xdist", "--hypothesis-seed=0"]

Change = tuple[int, str, str, str]  # line, what it said, what it says, the whole source


def operators() -> list[Any]:
    """Those whose changes are small and may be seen."""
    names = [n for n in operator_names() if not any(part in n for part in LEFT_OUT)]
    names += [n for n in operator_names() if n.endswith("_Is_IsNot") or n.endswith("_IsNot_Is")]
    swaps = tuple(SWAPS.split())
    return [get_operator(n)() for n in names if "Binary" not in n or n.endswith(swaps)]


def spared(source: str) -> set[tuple[int, int]]:
    """Where annotations and decorators stand, as (line, column)."""
    notes: list[Any] = []
    for node in ast.walk(ast.parse(source)):
        notes += [getattr(node, name, None) for name in ("annotation", "returns")]
        notes += getattr(node, "decorator_list", [])
    return {
        (line, column)
        for note in notes
        if note is not None
        for line in range(note.lineno, note.end_lineno + 1)
        for column in range(note.col_offset, note.end_col_offset)
    }


def changes(source: str, seed: str) -> list[Change]:
    """SAMPLE places, one change at each, in the order of the lines."""
    places: dict[tuple[int, int], list[tuple[Any, int]]] = {}
    nodes, kept = list(ast_nodes(get_ast(source))), spared(source)
    for operator in operators():
        found = [(node, at[0]) for node in nodes for at in operator.mutation_positions(node)]
        for occurrence, (node, start) in enumerate(found):
            if start not in kept and node.parent.type != "parameters":
                places.setdefault(start, []).append((operator, occurrence))
    chance, made = random.Random(seed), []
    for place in sorted(chance.sample(sorted(places), min(SAMPLE, len(places)))):
        operator, occurrence = chance.choice(places[place])
        changed = MutationVisitor.mutate_code(source, operator, occurrence)
        lines = zip(source.splitlines(), changed.splitlines(), strict=False)
        was, becomes = next((a.strip(), b.strip()) for a, b in lines if a != b)
        made.append((place[0], was, becomes, changed))
    return made


def renew(old: Any, new: Any) -> bool:
    """Let a function, or the methods of a plain class, do what ``new`` does; False if neither."""
    old, new = (getattr(each, "__func__", getattr(each, "fget", each)) for each in (old, new))
    while hasattr(new, "__wrapped__"):
        old, new = old.__wrapped__, new.__wrapped__
    if isinstance(new, FunctionType):
        old.__code__, old.__defaults__ = new.__code__, new.__defaults__
        old.__kwdefaults__ = new.__kwdefaults__
    elif type(new) is type:
        for name, value in vars(new).items():
            if name not in ("__dict__", "__weakref__") and not renew(vars(old).get(name), value):
                setattr(old, name, value)
    return isinstance(new, FunctionType) or type(new) is type


def change(module: ModuleType, source: str) -> None:
    """Make a loaded module what ``source`` says, also where its names were imported from it."""
    fresh: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    exec(compile(source, str(module.__file__), "exec", dont_inherit=True), fresh)  # noqa: S102
    users = [m for n, m in sys.modules.items() if n.startswith(("stockcast", "tests", "test_"))]
    for name, new in fresh.items():
        old = vars(module).get(name)
        imported = hasattr(new, "__name__") and getattr(new, "__module__", "") != module.__name__
        if name.startswith("__") or imported or renew(old, new):
            continue
        for user in users:
            if name in vars(user) and vars(user)[name] is old:
                setattr(user, name, new)


class Judge:
    """Runs the collected tests once for each change, each time in a fork."""

    def __init__(self, module: str, drawn: list[Change]) -> None:
        self.name = "stockcast." + module.removesuffix(".py").replace("/", ".")
        self.drawn, self.missed, self.passes = drawn, list[Change](), True

    def pytest_runtestloop(self) -> bool | None:
        module, begun = importlib.import_module(self.name), time.monotonic()
        if (child := os.fork()) == 0:
            return self.go(None, module)
        self.passes = not self.fails(child, 600)
        limit = max(LEAST, LONGEST * (time.monotonic() - begun))
        for each in self.drawn if self.passes else ():
            if (child := os.fork()) == 0:
                return self.go(each[3], module)
            if not self.fails(child, limit):
                self.missed.append(each)
        return True

    def go(self, source: str | None, module: ModuleType) -> None:
        """Let pytest run the tests, now that this process has the change."""
        os.setsid()
        for stream in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        if source is not None:
            change(module, source)

    def fails(self, child: int, limit: float) -> bool:
        until = time.monotonic() + limit
        while time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status != 0
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return True


def judged(name: str, module: str, tests: list[str], warm: bool, alike: list[Any]) -> bool:
    """Judge a module by its tests, print what survived, and say whether enough was noticed.

    ``warm`` tests run once before: what they keep for each other is not made by the module.
    """
    source, begun = (ROOT / "src" / "stockcast" / module).read_text(), time.monotonic()
    same, kept = (
        {(each["was"], each["becomes"]) for each in alike},
        RESULTS / f"{name}-{crc32(source.encode())}.json",
    )
    drawn = asked = [each for each in changes(source, name) if each[1:3] not in same]
    if "--again" in sys.argv and kept.exists():
        before = json.loads(kept.read_text())
        asked = [each for each in drawn if list(each[1:3]) in before]
    me, judge = os.getpid(), Judge(module, asked)
    with tempfile.TemporaryDirectory() as own:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = own
        arguments = [*OPTIONS, f"--basetemp={own}/tests", *tests]
        if warm:
            pytest.main(arguments)
        code = pytest.main(arguments, [judge])
        if os.getpid() != me:
            os._exit(code)
    if not judge.passes:
        raise SystemExit(f"Expected the tests of {name} to pass on the code as it is; they fail.")
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps([each[1:3] for each in judge.missed]))
    found, seconds = len(drawn) - len(judge.missed), time.monotonic() - begun
    print(
        f"{name}: {found} of {len(drawn)} noticed, {len(asked)} judged in {seconds:.0f} s",
        flush=True,
    )
    for line, was, becomes, _ in judge.missed:
        print(f"  {module}:{line}: {was}  =>  {becomes}", flush=True)
    return found >= ENOUGH * len(drawn)


if __name__ == "__main__":
    os.chdir(ROOT)
    TABLE = tomllib.loads((HERE / "modules.toml").read_text())
    NAMES = [name for name in sys.argv[1:] if not name.startswith("-")] or list(TABLE)
    GOOD = [judged(name, **{"warm": False, "alike": [], **TABLE[name]}) for name in NAMES]
    sys.exit(not all(GOOD))
