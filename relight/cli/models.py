"""`relight models` lists the models, `relight models download` gets one."""

from __future__ import annotations

from cyclopts import App

from relight.errors import InputError, choices

models = App(name="models", help="List the models, or get one.")


@models.default
def list_models() -> int:
    """List the models: name, what it is, size, licence, and whether its weights are here."""
    from relight.models.catalogue import CATALOGUE, UPSCALERS
    from relight.models.hub import is_here

    new = [entry for name, entry in UPSCALERS.items() if name not in CATALOGUE]
    for entry in (*CATALOGUE.values(), *new):
        here = "here" if is_here(entry) else "not here"
        print(f"{entry.name:12} {entry.about}")  # noqa: T201
        print(f"{'':12} {entry.size}, {here}; {entry.licence}")  # noqa: T201
        for source in entry.sources:
            print(f"{'':12} {source.repo}: {', '.join(source.parts)}")  # noqa: T201
    return 0


@models.command
def download(name: str) -> int:
    """Get the weights of a model into the hub's cache; run again, it fetches what is missing.

    Parameters
    ----------
    name
        A name from `relight models`.
    """
    from relight.models import hub
    from relight.models.catalogue import CATALOGUE, UPSCALERS

    known = UPSCALERS | CATALOGUE
    if name not in known:
        raise InputError(f"unknown model {name!r}: {choices(name, known)}")
    hub.download(known[name])
    print(f"{name}: here")  # noqa: T201
    return 0
