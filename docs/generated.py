"""Makes the site's pages of commands, settings and API from the code, and takes in the log.

MkDocs loads this file as a hook (see mkdocs.yml).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from xml.etree.ElementTree import Element

import typer.main
from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from stockcast import cli
from stockcast.markets import exchanges
from stockcast.settings import WELL_KNOWN, Settings

HOME = Path(__file__).parents[1]
SOURCE = HOME / "src" / "stockcast"
#: Rooms that only people at a keyboard call; the page of commands describes them.
NOT_CALLED = {"cli"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the roles of docstrings to Markdown, and the pages of the API to the navigation."""
    config.markdown_extensions.append(_Roles())  # type: ignore[arg-type]
    api = [{title: path} for title, path, _ in _rooms()]
    config.nav[-1]["Reference"].append({"API": api})  # type: ignore[index]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    log = (HOME / "reports" / "LOG.md").read_text("utf-8")
    made = {
        "experiments.md": log,
        "reference/commands.md": _commands(),
        "reference/settings.md": _settings(),
        **{path: text for _, path, text in _rooms()},
    }
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def _rooms() -> Iterator[tuple[str, str, str]]:
    """The title, path and text of each page of the API: one a package, one for what lies beside."""
    packages = sorted(p.parent for p in SOURCE.glob("*/__init__.py"))
    single = [p for p in sorted(SOURCE.glob("*.py")) if not p.stem.startswith("__")]
    yield "stockcast", "reference/api/index.md", _page("stockcast", single)
    for package in packages:
        if package.name not in NOT_CALLED:
            name = f"stockcast.{package.name}"
            text = _page(name, sorted(package.rglob("*.py")))
            yield name, f"reference/api/{package.name}.md", text


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Let documents that people also read in the repository link to the log's page here."""
    return markdown.replace("](../reports/LOG.md)", "](experiments.md)")


def _page(title: str, files: list[Path]) -> str:
    shown = [_shown(path) for path in files if path.stem != "__main__"]
    return "\n\n".join([f"# {title}", *shown])


def _shown(path: Path) -> str:
    """A module, with what it makes; what a package only passes on stands where it is made."""
    name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
    if path.stem != "__init__":
        return f"::: {name}"
    name = name.removesuffix(".__init__")
    makes = re.search("^(def|class) ", path.read_text("utf-8"), re.MULTILINE) is not None
    below = path.parent.parent != SOURCE  # elsewhere the page has the package's name as its title
    members = "" if makes else ", members: false"
    return f"::: {name}\n    options: {{show_root_heading: {below}{members}}}"


def _commands() -> str:
    group: Any = typer.main.get_command(cli.app)
    parts = [
        "# Commands",
        "`stockcast COMMAND --help` prints the same. `--json` prints one JSON document on stdout; "
        "logs and progress go to stderr. Exit codes: 0 done, 1 failed, 2 bad use or bad input.",
    ]
    for name, command in sorted(group.commands.items()):
        below = getattr(command, "commands", None)
        parts += _command(f"stockcast {name}", command, 2)
        for child, each in sorted((below or {}).items()):
            parts += _command(f"stockcast {name} {child}", each, 3)
    return "\n\n".join(parts)


def _command(name: str, command: Any, level: int) -> list[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([name, *(p.metavar or p.name.upper() for p in arguments)])
    rows = [f"| `{_option(p)}` | {p.help or ''} |" for p in command.params if p not in arguments]
    table = "\n".join(["| option | meaning |", "|---|---|", *rows])
    return [
        f"{'#' * level} {name}",
        f"```\n{usage}\n```",
        command.help or "",
        table if rows else "",
    ]


def _option(param: Any) -> str:
    value = "" if getattr(param, "is_flag", False) else f" {param.metavar or 'VALUE'}"
    return ", ".join([*param.opts, *param.secondary_opts]) + value


def _settings() -> str:
    """The table of all settings, in the order in which the code groups them."""
    variables = {key: name for name, key in WELL_KNOWN.items()}
    rows = []
    for key, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{_plain(field.default)}`"
        choices = [f"`{each}`" for each in get_args(field.annotation) if isinstance(each, str)]
        told = [
            _sentence(field.description),
            f"One of {', '.join(choices)}." if choices else "",
            f"Also `{variables[key]}`." if key in variables else "",
        ]
        rows.append(f"| `{key}` | {default} | {' '.join(filter(None, told))} |")
    head = [
        "# Settings",
        "A value comes from the first of these that has it: `--set KEY=VALUE`, the environment "
        "variable `STOCKCAST_<KEY>`, a line of `.env`, `env/<profile>.yaml`, the default below. "
        "Secrets come from the environment and `.env` alone.",
        "| key | default | meaning |\n|---|---|---|\n" + "\n".join(rows),
        "## Markets",
        "A ticker's suffix gives exchange (as exchange_calendars names it), currency and index.",
        "| suffix | exchange | currency | index |\n|---|---|---|---|\n" + "\n".join(_markets()),
    ]
    return "\n\n".join(head)


def _markets() -> Iterator[str]:
    for row in exchanges.TABLE:
        suffix, _, told = row.rpartition("=")
        cells = [suffix, *told.split(), ""][:4]
        yield "| " + " | ".join(f"`{cell}`" if cell else "" for cell in cells) + " |"


def _plain(value: object) -> str:
    if isinstance(value, Path):
        return "the project"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _sentence(text: str | None) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


class _Role(InlineProcessor):
    """Shows ``:func:`name``` of a docstring as code."""

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Element, int, int]:  # type: ignore[override]  # noqa: N802
        code = Element("code")
        code.text = m.group(1).lstrip("~")
        return code, m.start(0), m.end(0)


class _Roles(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        roles = r":(?:attr|class|data|exc|func|meth|mod|obj):`([^`]+)`"
        md.inlinePatterns.register(_Role(roles, md), "roles", 200)
