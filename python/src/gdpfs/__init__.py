"""gdpfs for Python: verified files of a gdpfs server."""

from importlib.metadata import version

__version__ = version("gdpfs")
