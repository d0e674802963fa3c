"""Serving is an extra: without it everything else works, and `serve` says how to get it.

Feast and MLflow bring FastAPI and uvicorn for servers of their own, which nothing here starts, so
that the packages are refused to our modules alone where the rest is imported.
"""

from __future__ import annotations

import subprocess
import sys

EXTRA = 'EXTRA = "fastapi", "fastapi_offline", "uvicorn", "limits"\n'
#: Serves where those are not installed.
SERVE = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, *place):
        return None if name.partition(".")[0] in EXTRA else self.finder.find_spec(name, *place)

sys.meta_path[:] = map(Without, sys.meta_path)

from stockcast.cli import main

sys.exit(main(["serve"]))
"""
#: Imports all of ours but the service.
IMPORT_THE_REST = """
import builtins, importlib, pkgutil

plain = builtins.__import__

def without(name, globals=None, *rest, **named):
    ours = (globals or {}).get("__name__", "").startswith("stockcast")
    if ours and name.partition(".")[0] in EXTRA:
        raise ModuleNotFoundError(f"No module named {name!r}")
    return plain(name, globals, *rest, **named)

builtins.__import__ = without

import stockcast

for module in pkgutil.walk_packages(stockcast.__path__, "stockcast."):
    served = module.name.startswith("stockcast.api.") and module.name != "stockcast.api.keys"
    if not served and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", EXTRA + code], capture_output=True, text=True)


def test_serve_says_in_a_sentence_how_to_install_what_it_takes() -> None:
    done = run(SERVE)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "Expected fastapi, fastapi_offline, uvicorn, limits to be installed" in line
    assert "pip install 'stockcast[serve]'" in line


def test_the_rest_of_the_library_imports_without_it() -> None:
    done = run(IMPORT_THE_REST)
    assert done.returncode == 0, done.stderr
