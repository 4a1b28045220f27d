"""Answers about what is at a path that are proven against the checkpoint which was seen of the volume."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .errors import make_error, naming, shown
from .evidence import Place, ProvenTree
from .limits import LIST_PAGE_MAX
from .paths import Path
from .session import EVIDENCE, Session
from .state_map import StateEntry
from .trust import TrustedVolumes


class ProvenEntry(NamedTuple):
    """What is at a path."""

    #: An `Entry` of the API.
    entry: dict[str, Any]
    #: The same as the state map has it; None for the root directory.
    leaf: StateEntry | None
    #: Of the state that has it, which can be asked for again.
    seq: int


class Proofs:
    """
    Asks one server, and believes nothing but the checkpoints of its volumes that were seen before. Errors of its
    methods: `not_found` or `not_a_directory` if that is proven, and `untrusted` if the answer is not.
    """

    def __init__(self, session: Session, trust: TrustedVolumes) -> None:
        self._session = session
        self._trust = trust

    def look(self, path: Path, at: str | None = None) -> ProvenEntry:
        with naming(path):
            tree = self._ask(path, at)
            place = self._walk(path, tree)
            return ProvenEntry(place.entry, place.leaf, tree.seq)

    def entries(self, path: Path, *, recursive: bool, at: str | None) -> Iterator[dict[str, Any]]:
        """What is in a directory or, directory by directory, below it, all of one state."""
        waiting = [path]
        while waiting:
            directory = waiting.pop()
            below: list[Path] = []
            cursor: str | None = ""
            while cursor is not None:
                with naming(directory):
                    tree = self._ask(directory, at, after=cursor)
                    page, last = tree.list(self._walk(directory, tree), cursor)
                at = str(tree.seq)
                cursor = last or None
                for entry in page:
                    yield entry
                    if recursive and entry["kind"] == "directory":
                        inside = f"{directory.path}/{entry['name']}".lstrip("/")
                        below.append(Path(path.volume, inside))
            waiting += reversed(below)

    def _walk(self, path: Path, tree: ProvenTree) -> Place:
        place = tree.walk(path.path)
        # Of the root directory itself there is nothing to prove.
        if path.path and not tree.is_part:
            self._trust.note_whole(path.volume)
        return place

    def _ask(self, path: Path, at: str | None, *, after: str | None = None) -> ProvenTree:
        trusted = self._trust.trusted(path.volume)
        query = {"path": path.path, "since": trusted.checkpoint.count, "at": at}
        if after is not None:
            query.update(list="children", limit=LIST_PAGE_MAX, cursor=after or None)
        route = f"/api/v1/volumes/{trusted.name}/proof"
        answer = self._session.request("GET", route, query=query, accept=EVIDENCE)
        tree = ProvenTree(
            trusted.name, trusted.checkpoint, answer.body, reference=path.volume, at=at
        )
        self._require_sight(path.volume, tree)
        self._trust.advance(trusted.name, tree.newest)
        return tree

    def _require_sight(self, volume: str, tree: ProvenTree) -> None:
        """
        A view is weaker than a proof from the whole tree: whoever has the writer's key can sign a false one and leave
        no trace in the log. So who was shown the whole is not content with a part any more.
        """
        if tree.is_part and self._trust.has_seen_whole(volume):
            state = "the server proves a part of it only, and proved the whole before"
            hint = f"if you may see less than before: gdpfs volume trust --reset gdp://{volume}"
            raise make_error("untrusted", f"cannot use volume {shown(volume)}: {state}", hint)
