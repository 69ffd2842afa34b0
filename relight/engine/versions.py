"""Versions of packages: of what computed a result, and of what is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from relight import __version__


def version_of(package: str) -> str:
    """The version of an installed package, "missing" where it says of itself nothing.

    This one is also run from a checkout that was never installed.

    >>> version_of("relight") == __version__, version_of("no-such-package")
    (True, 'missing')
    """
    if package == "relight":
        return __version__
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
