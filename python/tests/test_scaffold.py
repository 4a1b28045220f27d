from __future__ import annotations

import gdpfs
from harness import Server


def test_the_command_line_sees_what_the_server_of_the_tests_holds(
    home: Server, volume: str
) -> None:
    home.admin("mkdir", f"{volume}/a")
    assert "a" in home.admin("ls", volume)
    assert gdpfs.__version__
