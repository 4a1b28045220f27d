"""What the cases of test_tensorflow_matrix.py are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from plugin_tables import OK, Outcome, Tables

CONTENT = b"text"


@dataclass
class Lab:
    """A directory of its own for each case, and what the cases do in it."""

    tables: Tables
    root: str
    open_files: list[Any] = field(default_factory=list)

    def at(self, name: str) -> str:
        return f"{self.root}/{name}"

    def new_file(self, name: str, content: bytes = b"") -> Outcome:
        """A file whose writer stays open until the case ends."""
        outcome, handle = self.tables.open("new_writable_file", self.at(name))
        if outcome.code == OK:
            self.open_files.append(handle)
            if content:
                assert self.tables.append(handle, content).code == OK
        return outcome

    def append_to(self, name: str) -> Outcome:
        outcome, handle = self.tables.open("new_appendable_file", self.at(name))
        if outcome.code == OK:
            self.open_files.append(handle)
        return outcome

    def directory(self, name: str) -> None:
        assert self.on("create_dir", name).code == OK

    def on(self, operation: str, *names: str) -> Outcome:
        return self.tables.call(operation, *map(self.at, names))

    def code(self, operation: str, *names: str) -> int:
        return self.on(operation, *names).code

    def exists(self, name: str) -> int:
        return self.code("path_exists", name)

    def size(self, name: str) -> int:
        value: int = self.on("get_file_size", name).value
        return value

    def close_all(self) -> None:
        while self.open_files:
            self.tables.cleanup(self.open_files.pop())


Case = Callable[[Lab], None]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    def add(body: Case) -> Case:
        assert name not in CASES
        CASES[name] = body
        return body

    return add


def expect(name: str, act: Callable[[Lab], Outcome], code: int, *, given: str = "") -> None:
    """A case of one operation. `given`: names to make first, directories end with a slash."""

    def body(lab: Lab) -> None:
        for entry in given.split():
            if entry.endswith("/"):
                lab.directory(entry.rstrip("/"))
            else:
                lab.new_file(entry)
        outcome = act(lab)
        assert outcome.code == code, outcome.message

    case(name)(body)


def on(operation: str, *names: str) -> Callable[[Lab], Outcome]:
    return lambda lab: lab.on(operation, *names)
