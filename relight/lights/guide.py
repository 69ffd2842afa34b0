"""What `relight lights` prints: every kind of light with its settings."""

from __future__ import annotations

from relight.lights.base import Light, kinds
from relight.lights.fields import Control


def guide() -> str:
    """A few lines for each kind of light.

    >>> print(guide().split("\\n\\n")[0])
    left, right, top, bottom, top-left ..., angle:30
      Light from one side of the frame, fading evenly to the other.
        angle      where it comes from: 0 right, 90 top, 180 left, 270 bottom [default: 180]
        color      #rrggbb, a name, or a temperature: 3200K [default: white]
        intensity  brightness; 1 is full; 0 to 100 [default: 1]
    """
    return "\n\n".join(map(_about, kinds()))


def _about(kind: type[Light]) -> str:
    first_line = (kind.__doc__ or "").partition("\n")[0]
    controls = kind.controls()
    indent = max((len(control.name) for control in controls), default=0) + 2
    settings = [f"    {control.name:{indent}}{_values(control)}" for control in controls]
    return "\n".join([kind.usage, f"  {first_line}", *settings])


def _values(control: Control) -> str:
    text = control.help
    if control.kind == "number":
        text += f"; {control.low:g} to {control.high:g}"
    if control.choices:
        text += f": {', '.join(control.choices)}"
    if control.default is None:
        return text
    default = control.default
    return f"{text} [default: {f'{default:g}' if isinstance(default, float | int) else default}]"
