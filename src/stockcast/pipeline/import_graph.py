"""Which modules of the library a notebook uses, found by reading imports and running nothing."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeGuard

from stockcast.errors import BadInput

__all__ = ["ImportGraph", "digest"]


class ImportGraph:
    """A package on disk, and the import closure of any file over it.

    Args:
        root: folder of the package; its name is the package's.
        plumbing: modules that never count, each with all below it, and that are not followed.
        reads: files that a module reads, which no import shows (module -> files).
        late: packages that a module imports only when it needs them (module -> packages).
    """

    def __init__(
        self,
        root: Path,
        plumbing: Iterable[str] = (),
        reads: Mapping[str, Iterable[Path]] | None = None,
        late: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self._package = root.name
        self._modules = {_dotted(root, path): path for path in sorted(root.rglob("*.py"))}
        self._plumbing = tuple(plumbing)
        self._reads = {module: tuple(files) for module, files in (reads or {}).items()}
        self._late = {module: tuple(packages) for module, packages in (late or {}).items()}
        for path in (file for files in self._reads.values() for file in files):
            if not path.is_file():
                raise BadInput(f"Expected the files that `reads` lists, got no file {path}.")

    def reachable(self, notebook: Path) -> dict[str, Path]:
        """Return every module that running ``notebook`` can import, by dotted name, and the files
        they read, by file name; a package counts when something below it is imported."""
        found: dict[str, Path] = {}
        todo = list(self._used(notebook, ""))
        while todo:
            name = todo.pop()
            if name in found or self._is_plumbing(name):
                continue
            path = found[name] = self._modules[name]
            todo += self._used(path, name)
            for file in self._reads.get(name, ()):
                found[f"{file.parent.name}/{file.name}"] = file
                todo += self._used(file, "")
        return dict(sorted(found.items()))

    def imports(self, reachable: Mapping[str, Path]) -> tuple[dict[str, Path], list[str]]:
        """Return the modules of a :meth:`reachable`, and the packages that they import late."""
        modules = {name: path for name, path in reachable.items() if name in self._modules}
        return modules, [package for name in modules for package in self._late.get(name, ())]

    def _is_plumbing(self, name: str) -> bool:
        # the package's own name stands for its __init__ alone, or everything would be plumbing
        return any(
            name == module or (module != self._package and name.startswith(f"{module}."))
            for module in self._plumbing
        )

    def _used(self, path: Path, name: str) -> Iterator[str]:
        if path.suffix != ".py":
            return
        stamp = path.stat()
        is_package = path.name == "__init__.py"
        for target in _mentions(path, stamp.st_mtime_ns, stamp.st_size, name, is_package):
            parts = target.split(".")
            if parts[0] == self._package:
                prefixes = (".".join(parts[: n + 1]) for n in range(len(parts)))
                yield from (prefix for prefix in prefixes if prefix in self._modules)


def digest(path: Path) -> str:
    """Return a hash of the file's content."""
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


def _dotted(root: Path, path: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.lru_cache(maxsize=4096)
def _mentions(path: Path, mtime: int, size: int, name: str, is_package: bool) -> frozenset[str]:
    """Return every dotted name that ``path`` imports, or holds as text, as
    ``importlib.import_module`` and tables of lazy imports do.

    ``mtime`` and ``size`` are there for the cache.
    """
    try:
        tree = _parse(path.read_text("utf-8"))
    except SyntaxError as error:
        raise BadInput(
            f"Expected Python in {path}, got: {error.msg} (line {error.lineno})."
        ) from None
    package = name if is_package else name.rpartition(".")[0]
    return frozenset(mention for node in _running(tree) for mention in _names(node, package))


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield ``node`` and all below it, but what only a type checker sees."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for otherwise in child.orelse:
                yield from _running(otherwise)
        else:
            yield from _running(child)


def _parse(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError:  # perhaps only because of %magics and !commands
        lines = code.split("\n")
        return ast.parse("\n".join("#" + s if s.lstrip()[:1] in ("%", "!") else s for s in lines))


def _names(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = package.split(".")
            parts = parts[: len(parts) - node.level + 1]
            base = ".".join([*parts, *([base] if base else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Constant) and _is_dotted(node.value):
        yield node.value


def _is_dotted(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.replace(".", "").isidentifier()
