"""Replace an attribute of one object for a while: how every patch of a model or scheduler is made.

    with patched(scheduler, "step", step):
        pipe(...)

Patches of one attribute are layers: the last one entered is the first to be left. `ExitStack` keeps
that order for many patches at once. Leaving in another order is an error. It could only put back
what an earlier patch had installed, which nobody would ever take off again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ABSENT = object()


class PatchOrderError(RuntimeError):
    """A patch was left while one that was entered later was still installed."""


class _Layer:
    """One patch of an attribute: what the object's own dictionary held before it."""

    def __init__(self, before: Any) -> None:
        self.before = before


@contextmanager
def patched(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Within the block, `owner.name` is `value`; afterwards it is what it was.

    The value is put into the object's own dictionary, so it hides a method of the class or a
    submodule of that name without removing it, and nothing else sees the change.

    Args:
        owner: any object with a `__dict__`: a scheduler, a module, a pipeline.
        name: of the attribute. value: what it is within the block.

    Raises:
        PatchOrderError: on leaving, if a patch of the same attribute that was entered later is
            still installed. Both are off then, so that the object is as it was before this block.

    >>> class Model:
    ...     def forward(self):
    ...         return "stock"
    >>> model = Model()
    >>> with patched(model, "forward", lambda: "patched"):
    ...     model.forward()
    'patched'
    >>> model.forward(), vars(model)
    ('stock', {})
    """
    own, key = vars(owner), f"_patches_of_{name}"
    layers = own.setdefault(key, [])
    layer = _Layer(own.get(name, _ABSENT))
    layers.append(layer)
    own[name] = value
    try:
        yield
    finally:
        # A patch that is in no list any more was taken off, with an error, by the one below it.
        if layer in layers:
            later = len(layers) - 1 - layers.index(layer)
            del layers[-1 - later :]
            _put_back(own, name, layer.before)
            if not layers:
                del own[key]
            if later:
                raise PatchOrderError(
                    f"a patch of {type(owner).__name__}.{name} was left before {later} entered "
                    "later, which are off now too: leave patches in reverse order (ExitStack does)"
                )


def _put_back(own: dict[str, Any], name: str, before: Any) -> None:
    if before is _ABSENT:
        own.pop(name, None)
    else:
        own[name] = before
