"""How the plugin is built, found and loaded."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import tensorflow as tf

import gdpfs.tensorflow
from harness import Server

PACKAGE = Path(__file__).parents[1]


def test_it_needs_nothing_of_tensorflow_but_one_function() -> None:
    symbols = subprocess.run(
        ["nm", "-D", "--undefined-only", gdpfs.tensorflow.PLUGIN],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = [line.split()[-1] for line in symbols.splitlines()]
    foreign = [name for name in names if "tensorflow" in name or "absl" in name or "tsl" in name]
    assert foreign == []
    assert [name for name in names if name.startswith("TF_")] == ["TF_SetStatus"]
    defined = subprocess.run(
        ["nm", "-D", "--defined-only", gdpfs.tensorflow.PLUGIN],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert [line.split()[-1] for line in defined.splitlines()] == ["TF_InitPlugin"]


def test_the_layout_is_that_of_the_installed_tensorflow(tmp_path: Path) -> None:
    members = {
        "TF_FilesystemOps": ["init", "new_read_only_memory_region_from_file", "delete_recursively"]
        + ["paths_exist", "translate_name", "get_matching_paths", "flush_caches"],
        "TF_RandomAccessFileOps": ["cleanup", "read"],
        "TF_WritableFileOps": ["cleanup", "append", "tell", "flush", "sync", "close"],
        "TF_ReadOnlyMemoryRegionOps": ["cleanup", "data", "length"],
        "TF_FileStatistics": ["length", "mtime_nsec", "is_directory"],
        "TF_FilesystemPluginOps": ["scheme", "filesystem_ops", "writable_file_ops"]
        + ["read_only_memory_region_ops", "read_only_memory_region_ops_size"],
        "TF_FilesystemPluginInfo": ["num_schemes", "ops", "plugin_memory_allocate"],
    }
    lines = [f'  printf("{name} %zu\\n", sizeof({name}));' for name in members]
    lines += [
        f'  printf("{name}.{field} %zu\\n", offsetof({name}, {field}));'
        for name, fields in members.items()
        for field in fields
    ]
    body = "\n".join(["int main() {", *lines, "}"])

    def layout(include: str, *options: str) -> str:
        source = tmp_path / "layout.cc"
        head = f'#include <cstdio>\n#include <cstddef>\n#include "{include}"\n'
        source.write_text(head + body)
        program = tmp_path / "layout"
        subprocess.run(["g++", "-std=c++17", source, "-o", program, *options], check=True)
        return subprocess.run([program], check=True, capture_output=True, text=True).stdout

    theirs = layout(
        "tensorflow/c/experimental/filesystem/filesystem_interface.h",
        f"-I{tf.sysconfig.get_include()}",
    )
    ours = layout("tensorflow_abi.h", f"-I{PACKAGE / 'native/src'}")
    assert ours == theirs


def run_program(program: str, home: Server, **environment: str) -> str:
    """A program that knows nothing of us, in an environment that has the hook of an installation."""
    start = f"import site; site.addsitedir({str(PACKAGE)!r})\n{program}"
    done = subprocess.run(
        [sys.executable, "-c", start],
        capture_output=True,
        text=True,
        env={**home.admin.environment, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        check=False,
    )
    return done.stdout + (done.stderr if done.returncode else "")


USE = "import tensorflow as tf; print(tf.io.gfile.exists({!r}))"


def test_an_unmodified_program_reads_gdp(home: Server, volume: str) -> None:
    assert run_program(USE.format(volume), home) == "True\n"


def test_the_hook_can_be_switched_off(home: Server, volume: str) -> None:
    output = run_program(USE.format(volume), home, GDPFS_AUTOLOAD="0")
    assert "scheme 'gdp' not implemented" in output


def test_the_hook_costs_nothing_before_tensorflow_is_imported(home: Server) -> None:
    program = "import sys; print([n for n in sys.modules if n.split('.')[0] in ('gdpfs', 'numpy')])"
    assert run_program(program, home) == "[]\n"


def test_importing_it_again_does_no_harm(home: Server, volume: str) -> None:
    program = (
        "import importlib, gdpfs.tensorflow; importlib.reload(gdpfs.tensorflow)\n"
        + USE.format(volume)
    )
    assert run_program(program, home) == "True\n"


def test_a_wheel_has_the_plugin_and_the_hook(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", tmp_path, PACKAGE], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert "-py3-none-linux_" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("gdpfs-tensorflow.pth", "_gdpfs_autoload.py", "gdpfs/libgdpfs_tensorflow.so"):
        assert name in names


def test_loaded_against_tensorflows_own_libraries_it_refuses(home: Server, volume: str) -> None:
    plugin = str(gdpfs.tensorflow.PLUGIN)
    program = f"""
import sys, tensorflow as tf
sys.stderr = sys.stdout
try:
    tf.experimental.register_filesystem_plugin({plugin!r})
    print(tf.io.gfile.exists({volume!r}))
except tf.errors.OpError as error:
    print(error.message)
"""
    output = run_program(program, home, GDPFS_AUTOLOAD="0")
    assert "scheme 'gdp' not implemented" in output
