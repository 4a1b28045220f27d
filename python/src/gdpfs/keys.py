"""The writer keys of volumes with custody `client`, where the command line keeps them: docs/custody.md."""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path

from .ed25519 import PrivateKey
from .errors import GdpfsError, make_error, shown

_BEGIN, _END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
#: What PKCS #8 says before the 32 bytes of an Ed25519 key.
_HEADER = bytes.fromhex("302e020100300506032b657004220420")
_SEED_BYTES = 32
#: Of the digest of a public key, in the name of the file.
_ID_BYTES = 8


class VolumeKeys:
    """Each in a file of its own, whose name says of which volume and of which public key it is."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def writer(self, volume: str, public: bytes) -> PrivateKey | None:
        """The private half of `public`; None if it is not here. `local_io` for what is not it."""
        digest = hashlib.sha256(public).digest()[:_ID_BYTES]
        number = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        path = self._directory / f"{volume}.writer.{number}.key"
        try:
            pem = path.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except ValueError:
            raise _unusable(path, "it is no private key") from None
        except OSError as cause:
            raise _unusable(path, cause.strerror or "it cannot be read") from cause
        key = _key_of(pem)
        if key is None:
            raise _unusable(path, "it is no private key")
        if key.public != public:
            raise _unusable(path, "it is the key of something else")
        return key


def _key_of(pem: str) -> PrivateKey | None:
    before, begin, rest = pem.partition(_BEGIN)
    encoded, end, after = rest.partition(_END)
    if not begin or not end or before.strip() or after.strip():
        return None
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except binascii.Error:
        return None
    is_ours = data.startswith(_HEADER) and len(data) == len(_HEADER) + _SEED_BYTES
    return PrivateKey(data[len(_HEADER) :]) if is_ours else None


def _unusable(path: Path, state: str) -> GdpfsError:
    return make_error("local_io", f"cannot use {shown(path)}: {state}")
