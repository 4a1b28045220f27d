"""Builds the TensorFlow plugin and puts the hook that loads it where Python looks at start.

Everything else is in pyproject.toml. GDPFS_BUILD_TENSORFLOW=0 leaves the plugin out, 1 fails
without it; otherwise a machine that cannot build it gets a package without it, and is told so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

HOOK = "gdpfs-tensorflow.pth"
PLUGIN = "gdpfs.libgdpfs_tensorflow"


class BuildPlugin(build_ext):
    """Runs `make`: the plugin is a library that TensorFlow loads, not a module of Python."""

    def build_extension(self, ext: Extension) -> None:
        wish = os.environ.get("GDPFS_BUILD_TENSORFLOW", "")
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        command = ["make", "-C", "native", f"-j{os.cpu_count() or 1}", f"OUT={target}"]
        if wish == "0":
            return
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            if wish == "1":
                raise
            print(
                f"warning: gdpfs is built without its TensorFlow plugin: {error}", file=sys.stderr
            )

    def get_ext_filename(self, fullname: str) -> str:
        return fullname.replace(".", os.sep) + ".so"

    def copy_extensions_to_source(self) -> None:
        built = Path(self.build_lib)
        self.extensions = [
            e for e in self.extensions if (built / self.get_ext_filename(e.name)).exists()
        ]
        super().copy_extensions_to_source()


class BuildPython(build_py):
    """Adds the hook at the top of what is installed: site-packages, in the end."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copy(HOOK, Path(self.build_lib) / HOOK)


class EditableWheel(editable_wheel):
    """Installs the hook, too: Python looks for such files in site-packages only, not where the source is."""

    def _run_build_commands(self, dist_name: str, unpacked_wheel: str, *rest: str) -> object:
        shutil.copy(HOOK, Path(unpacked_wheel) / HOOK)
        return super()._run_build_commands(dist_name, unpacked_wheel, *rest)


class PlainWheel(bdist_wheel):
    """The plugin depends on the platform, but on no version of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", super().get_tag()[2])


setup(
    ext_modules=[Extension(PLUGIN, sources=[])],
    cmdclass={
        "build_ext": BuildPlugin,
        "build_py": BuildPython,
        "bdist_wheel": PlainWheel,
        "editable_wheel": EditableWheel,
    },
)
