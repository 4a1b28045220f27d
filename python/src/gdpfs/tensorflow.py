"""`import gdpfs.tensorflow` lets TensorFlow read and write `gdp://`.

Registers the file-system plugin of this package with TensorFlow, once; importing it again does no
harm. After an installation with `pip install` that happens by itself when a program imports
TensorFlow: see `_gdpfs_autoload`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

import tensorflow as tf

from .renewal import RENEWAL

#: The plugin: C++ on TensorFlow's C file-system interface.
PLUGIN = Path(__file__).with_name("libgdpfs_tensorflow.so")


def _register() -> None:
    if not PLUGIN.exists():
        raise ImportError(
            f"cannot find {str(PLUGIN)!r}: gdpfs was built without its TensorFlow plugin; "
            "install a C++ compiler, make and the headers of libcurl, OpenSSL, zlib and "
            "nlohmann-json, then install gdpfs again with GDPFS_BUILD_TENSORFLOW=1"
        )
    # TensorFlow brings its own libcurl and a relative of OpenSSL, and their symbols are visible to
    # all. The plugin must be bound to the real ones: so it is loaded here, before TensorFlow does.
    ctypes.CDLL(str(PLUGIN), mode=os.RTLD_NOW | os.RTLD_LOCAL | os.RTLD_DEEPBIND)
    # Somebody may have registered it already, by another way.
    with contextlib.suppress(tf.errors.AlreadyExistsError):
        tf.experimental.register_filesystem_plugin(str(PLUGIN))


_register()
RENEWAL.start()
