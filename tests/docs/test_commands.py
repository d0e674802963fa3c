"""Every command, setting, variable and path that the documentation names is there."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from stockcast.cli import app
from stockcast.settings import HOME, Settings
from tests.deploy.claims import is_setting
from tests.docs.lines import PAGES, commands, mentions

COMMANDS: Any = typer.main.get_command(app)
#: What separates the commands that one line names.
BETWEEN = re.compile(r"\s+·\s+")
#: Where files of the repository lie that a page may name.
KEPT = re.compile(r"(?:src|env|notebooks|dashboards|deploy|docs|tests)/[\w./-]+")


def wrong(line: str) -> str | None:
    """What is wrong with a command line, if anything is."""
    words = shlex.split(line)[1:]
    command = COMMANDS
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in command.commands and name != "COMMAND":
            return f"there is no command {name}"
        command = command.commands.get(name, command)
    options = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
    for word, value in itertools.pairwise([*words, ""]):
        if word.startswith("-") and word not in options | {"--help", "-h"}:
            return f"there is no option {word}"
        if word == "--set" and value.partition("=")[0] not in {*Settings.model_fields, "KEY"}:
            return f"there is no setting {value}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    lines = [one for line in commands(page, "stockcast") for one in BETWEEN.split(line)]
    found = {line: wrong(line) for line in lines}
    targets = set(re.findall(r"^([a-z]+):", (HOME / "Makefile").read_text("utf-8"), re.MULTILINE))
    for line in commands(page, "make"):
        chosen = {word for word in shlex.split(line)[1:] if "=" not in word and word[0] != "-"}
        found[line] = f"there is no target {chosen - targets}" if chosen - targets else None
    for variable in re.findall(r"\bSTOCKCAST_[A-Z_]+\b", text):
        found[variable] = None if is_setting(variable) else "nobody reads it"
    for path in filter(KEPT.fullmatch, mentions(text)):
        found[path] = None if (HOME / path).exists() else "there is no such file"
    assert {key: problem for key, problem in found.items() if problem} == {}


def test_mistakes_are_found() -> None:
    assert wrong("stockcast forecast AAPL --json --set root=/tmp -p live") is None
    assert wrong("stockcast keys add NAME --days 90") is None
    assert wrong("stockcast fly") == "there is no command fly"
    assert wrong("stockcast run --fast") == "there is no option --fast"
    assert wrong("stockcast run --set speed=1") == "there is no setting speed=1"
