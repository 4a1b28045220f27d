"""Who we are to the server: a certificate that is read again when another process renewed it, or renewed in time."""

from __future__ import annotations

import datetime
import shutil
import ssl
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

from .config import Home, Profile
from .errors import GdpfsError, make_error, shown
from .forks import no_fork

_SEQUENCE, _INTEGER, _VERSION, _UTC_TIME = 0x30, 0x02, 0xA0, 0x17


class Validity(NamedTuple):
    """Seconds since the Unix epoch."""

    start: float
    end: float


class Credentials:
    """The certificate and key of a profile, for TLS."""

    def __init__(self, home: Home, profile: Profile) -> None:
        self._home = home
        self._profile = profile
        self.certificate = ""
        #: Of TLS connections to the profile's server as the profile's principal.
        with no_fork:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.load()

    def load(self) -> bool:
        """Reads the certificate again; whether it is another one now."""
        profile = self._profile = self._home.profile(self._profile.name)
        try:
            certificate = profile.certificate.read_text()
            if certificate == self.certificate:
                return False
            self.context = _context(profile.ca, profile.certificate, profile.key)
        except OSError as cause:
            # ssl.SSLError is one too.
            raise make_error(
                "local_io",
                f"cannot use profile {shown(profile.name)}: its certificate files: {cause}",
                'run "gdpfs login" again',
            ) from cause
        self.certificate = certificate
        return True

    @property
    def validity(self) -> Validity:
        return validity_of(self.certificate)

    def signing_request(self) -> str | None:
        """A PKCS #10 request for the key that there is, PEM; None where nothing here can make one."""
        return _request_by_library(self._profile.key) or _request_by_program(self._profile.key)

    def accept(self, certificate: str) -> None:
        """Uses a renewed certificate, and keeps it where the folder can be written."""
        with tempfile.NamedTemporaryFile("w", suffix=".crt") as file:
            file.write(certificate)
            file.flush()
            self.context = _context(self._profile.ca, Path(file.name), self._profile.key)
        self.certificate = certificate
        end = self.validity.end
        try:
            self._home.replace_certificate(
                self._profile, certificate, is_newer=lambda other: validity_of(other).end < end
            )
        except OSError as error:
            warn(f"cannot store the renewed certificate: {error}")


def warn(text: str) -> None:
    warnings.warn(f"gdpfs: {text}", RuntimeWarning, stacklevel=2)


def _context(ca: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    with no_fork:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(cafile=str(ca))
        context.load_cert_chain(str(certificate), str(key))
        return context


def validity_of(certificate: str) -> Validity:
    """When the certificate is valid; `local_io` for what is none."""
    try:
        der = ssl.PEM_cert_to_DER_cert(certificate[: certificate.index("-----END") + 25].strip())
        body = _Der(_Der(der).take(_SEQUENCE)).take(_SEQUENCE)
        fields = _Der(body)
        if fields.tag == _VERSION:
            fields.take()
        fields.take(_INTEGER)
        fields.take(_SEQUENCE)
        fields.take(_SEQUENCE)
        times = _Der(fields.take(_SEQUENCE))
        return Validity(_time_of(times), _time_of(times))
    except (ValueError, IndexError) as cause:
        raise make_error("local_io", "cannot read certificate: it is malformed") from cause


class _Der:
    """Elements of DER, one behind the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def tag(self) -> int:
        return self._data[self._at]

    def take(self, tag: int | None = None) -> bytes:
        """Content of the next element; ValueError if its tag is another."""
        if tag is not None and self.tag != tag:
            raise ValueError(f"tag {self.tag}, need {tag}")
        length = self._data[self._at + 1]
        start = self._at + 2
        if length > 0x7F:
            count = length & 0x7F
            length = int.from_bytes(self._data[start : start + count], "big")
            start += count
        self._at = start + length
        return self._data[start : self._at]


def _time_of(times: _Der) -> float:
    form = "%y%m%d%H%M%SZ" if times.tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    text = times.take().decode("ascii")
    with no_fork:
        # It imports a module the first time.
        time = datetime.datetime.strptime(text, form)
    return time.replace(tzinfo=datetime.timezone.utc).timestamp()


def _request_by_library(key: Path) -> str | None:
    try:
        with no_fork:
            from cryptography import x509
            from cryptography.hazmat.primitives import hashes, serialization
    except ImportError:
        return None
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.sign(private, hashes.SHA256())
    return str(request.public_bytes(serialization.Encoding.PEM), "ascii")


def _request_by_program(key: Path) -> str | None:
    program = shutil.which("openssl")
    if program is None:
        return None
    done = subprocess.run(
        [program, "req", "-new", "-key", str(key), "-subj", "/CN=gdpfs"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None


def certificate_error(error: GdpfsError) -> GdpfsError:
    """The same, with what a person can do about it."""
    if error.hint is not None:
        return error
    hint = 'run "gdpfs login URL TOKEN" with a new token from an admin of the server'
    return make_error(error.code, error.detail, hint, error.details)
