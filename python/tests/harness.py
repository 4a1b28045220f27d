"""The real server in a process of its own, and the real command line, for tests."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from gdpfs.client import Client
from gdpfs.file_lookup import client_of

PROJECT = Path(__file__).resolve().parents[2]
#: The bundle that users get, which tools/python.sh makes: it starts in half the time. Otherwise the source.
MAIN = os.environ.get("GDPFS_TEST_PROGRAM") or str(PROJECT / "src/cli/main.ts")
#: Code is compiled once for all processes: Node's own cache, and what the bundle keeps.
COMPILE_CACHE = PROJECT / "node_modules/.cache/gdpfs-compile"
CACHES = PROJECT / "node_modules/.cache/gdpfs-test"

#: Outside of the range that the system hands out.
PORTS = range(20_000, 30_000)
#: Names in the kernel, which forgets them with this process.
_reservations: list[socket.socket] = []


def reserve_port() -> int:
    """One that nobody takes while its server is down: neither the system nor tests that run at the same time."""
    while True:
        port = random.choice(PORTS)
        # The same names as in test/support/ports.ts.
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0gdpfs-test-port-{port}")
        except OSError:
            name.close()
            continue
        _reservations.append(name)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class Cli:
    """The command line of one user."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *args: str | Path, stdin: bytes = b"") -> str:
        """What it prints; fails if it fails."""
        done = subprocess.run(
            ["node", MAIN, *map(str, args)],
            input=stdin,
            capture_output=True,
            env=self.environment,
            check=False,
        )
        assert done.returncode == 0, f"gdpfs {args}: {done.stderr.decode()}"
        return done.stdout.decode()

    @property
    def command(self) -> str:
        """For a shell that has `environment`."""
        return f"node {MAIN}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            # The Node of the project comes first.
            "PATH": f"{PROJECT}/node_modules/.bin:{os.environ['PATH']}",
            "HOME": str(self.home),
            "GDPFS_HOME": str(self.home),
            "TZ": "UTC",
            "NODE_COMPILE_CACHE": str(COMPILE_CACHE),
            "XDG_CACHE_HOME": str(CACHES),
        }


class Server:
    """`gdpfs serve`, which can be killed and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.admin = Cli(folder / "admin")
        self._port = reserve_port()
        ready = self.start()
        self.url = str(ready["url"])
        self.admin("login", self.url, str(ready["token"]))
        self._users = 0
        self._folder = folder

    def start(self) -> dict[str, Any]:
        self._process = self._spawn()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server ended before it was ready"
        ready: dict[str, Any] = json.loads(line)
        return ready

    def _spawn(self, *before: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*before, "node", MAIN, "serve", "--json"]
            + [f"--data={self.data}", f"--listen=127.0.0.1:{self._port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=Cli(self.data).environment,
        )

    def kill(self) -> None:
        """SIGKILL, now."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()

    def restart(self) -> None:
        """Dies without warning and comes back."""
        self.kill()
        self.start()

    def restart_later(self) -> None:
        """The same, but after a second, and by itself: every thread of this process may wait."""
        self.kill()
        self._process = self._spawn("sh", "-c", 'sleep 1; exec "$@"', "sh")

    def volume(self, alias: str, **options: str) -> str:
        """Makes an empty volume of the admin's; its URL, without a slash at the end."""
        self.client.session.json(
            "POST", "/api/v1/volumes", json_body={"name": alias, **options}, changes=True
        )
        return f"gdp://{alias}"

    @property
    def client(self) -> Client:
        """The admin."""
        return client_of(None, self.admin.home)

    def new_user(self, principal: str) -> Cli:
        """Somebody else, with a home volume of that name."""
        user = Cli(self._folder / f"user-{principal}")
        invitation = json.loads(self.admin("admin", "invite", principal, "--json"))
        user("login", self.url, invitation["token"])
        return user

    def corrupt(self, content: bytes) -> int:
        """
        Flips a bit of every copy of `content` in the segments; how many there were.
        Only while nothing is being written.
        """
        places = 0
        for segment in sorted((self.data / "store/segments").glob("*")):
            data = segment.read_bytes()
            at = data.find(content)
            while at >= 0:
                middle = at + len(content) // 2
                with segment.open("r+b") as file:
                    file.seek(middle)
                    file.write(bytes([data[middle] ^ 1]))
                places += 1
                at = data.find(content, at + len(content))
        return places


class Past:
    """The data of a server as it is now, to come back to."""

    def __init__(self, server: Server, to: Path) -> None:
        self._server = server
        self._copy = to / "past"
        server.stop()
        shutil.copytree(server.data, self._copy)
        server.start()

    def come_back(self) -> None:
        self._server.stop()
        shutil.rmtree(self._server.data)
        shutil.copytree(self._copy, self._server.data)
        self._server.start()


def sign(server: Server, home: Path, *, start: str, end: str) -> None:
    """Replaces the client's certificate by one of the server's CA for the same key and names."""
    profile = next((home / "profiles").iterdir())
    keys = server.data / "keys"
    work = home / "ca"
    work.mkdir(exist_ok=True)
    (work / "index.txt").write_text("")
    subject = subprocess.run(
        ["openssl", "x509", "-in", profile / "client.crt", "-noout", "-ext", "subjectAltName"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()[1]
    (work / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={work}/index.txt\nnew_certs_dir={work}\n"
        "rand_serial=yes\ndefault_md=sha256\npolicy=p\nx509_extensions=e\nunique_subject=no\n"
        f"[p]\ncommonName=supplied\n[e]\nsubjectAltName={subject.strip()}\n"
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=clientAuth\n[req]\ndistinguished_name=n\n[n]\n"
    )
    config = ["-config", work / "ca.cnf"]
    request = ["openssl", "req", "-new", "-key", profile / "client.key", "-subj", "/CN=admin"]
    subprocess.run([*request, *config, "-out", work / "csr"], check=True, capture_output=True)
    issue = ["openssl", "ca", "-batch", "-in", work / "csr", "-cert", keys / "ca.crt"]
    issue += ["-keyfile", keys / "ca.key", "-startdate", start, "-enddate", end, "-notext"]
    subprocess.run([*issue, *config, "-out", work / "crt"], check=True, capture_output=True)
    (work / "crt").replace(profile / "client.crt")


def wait_until(condition: Any, timeout_s: float = 60) -> None:
    """Polls; fails after a time that is long for a loaded machine."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
