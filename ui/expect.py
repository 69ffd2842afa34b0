"""What a run will take, said before it is started: model, device, time, memory, size."""

from __future__ import annotations

from typing import Any

from relight.errors import RelightError
from relight.ui import panels
from relight.ui.orders import QUALITY, Order
from relight.ui.work import one_line

LONG_SECONDS = 240
"""A run that may take longer is offered to be shortened."""
LONG_FRAMES = 400
"""Where the time is not known: so many frames are called long."""
TRIMMED_SECONDS = 3.0


def expected(order: Order) -> dict[str, Any]:
    """Lines for the bar, the seconds that the run may take, and what makes it shorter.

    Of an order that can't be run, the `fault` alone: why not.
    """
    from relight.engine import estimates
    from relight.engine.plan import plan

    try:
        found = plan(order.job(order.clip, order.clip.with_name(f"out{order.suffix}")))
    except RelightError as error:
        return {"fault": one_line(error, called={order.clip: order.name})}
    known = estimates.known()
    own = {"steps", "relight_steps"} & order.settings.keys()
    seconds = found.seconds(known, steps=1.0 if own else QUALITY[order.quality])
    stage = found.stages[0] if found.stages else None
    model = "no model needed" if stage is None else f"{stage.model} on {stage.device}"
    took = "time not known yet" if seconds is None else f"about {panels.duration(seconds)}"
    size = f"{found.width} × {found.height}"
    frames = "" if found.frames == 1 else f", {found.frames} frames"
    lines = [
        model,
        took,
        f"{panels.size(found.memory_bytes(known))} memory",
        f"result {size}{frames}",
        *found.notes,
    ]
    return {"lines": lines, "seconds": seconds, **_offer(order, found, seconds)}


def _offer(order: Order, found: Any, seconds: float | None) -> dict[str, Any]:
    """How a long run can be made a short one."""
    long = found.frames > LONG_FRAMES if seconds is None else seconds > LONG_SECONDS
    if not long:
        return {}
    length = found.frames / float(found.info.fps)
    offer: dict[str, Any] = {"offer": "This will take a while."}
    if length > 2 * TRIMMED_SECONDS:
        offer["trim"] = TRIMMED_SECONDS
    if order.kind == "relight" and found.job.recipe != "fast" and found.job.transfer != "off":
        offer["fast"] = True
    return offer
