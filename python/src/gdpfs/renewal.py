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
from .limits import RENEWAL_CHECK_SECONDS
from .session import Session

_started = threading.Lock()


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


def keep_renewing() -> None:
    """A thread that looks now and then, until the process ends. Once for each process."""
    if _started.acquire(blocking=False):
        threading.Thread(target=_look_forever, name="gdpfs-renewal", daemon=True).start()


def _look_forever() -> None:
    while True:
        renew_if_due()
        time.sleep(RENEWAL_CHECK_SECONDS)
