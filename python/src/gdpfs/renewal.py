"""
Keeps the certificate of a process valid whose requests are not made by Python: the TensorFlow plugin takes what is on
the disk with each request, and renews nothing itself.
"""

from __future__ import annotations

import os
import threading
import time

from .config import Home
from .credentials import warn
from .errors import GdpfsError
from .forks import ForkSafe
from .limits import RENEWAL_CHECK_SECONDS
from .session import Session


def renew_if_due() -> None:
    """Renews the certificate of the current profile in time, and stores it where the plugin finds it."""
    try:
        home = Home()
        session = Session(home, home.profile(os.environ.get("GDPFS_PROFILE") or None))
        session.renew_in_time()
    except GdpfsError as error:
        # Without a login there is nothing to renew; whoever needs one is told by the plugin.
        if error.code not in ("certificate_required", "not_found"):
            warn(f"cannot renew the certificate: {error}")


class Renewal(ForkSafe):
    """
    A thread that looks now and then, until the process ends: one in each process, also in a child after fork(2), which
    may outlive its parent.
    """

    def __init__(self, interval_seconds: float = RENEWAL_CHECK_SECONDS) -> None:
        self._interval = interval_seconds
        self._is_started = False
        super().__init__()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        if self._is_started:
            # The parent has just looked; a child that ends soon need not.
            self._run(self._interval)

    def start(self) -> None:
        """Again does nothing."""
        with self._lock:
            if not self._is_started:
                self._is_started = True
                self._run(0)

    def _run(self, first_look_seconds: float) -> None:
        arguments = (first_look_seconds,)
        threading.Thread(
            target=self._look_forever, args=arguments, name="gdpfs-renewal", daemon=True
        ).start()

    def _look_forever(self, first_look_seconds: float) -> None:
        time.sleep(first_look_seconds)
        while True:
            renew_if_due()
            time.sleep(self._interval)


RENEWAL = Renewal()
