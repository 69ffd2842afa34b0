"""What is compared: recipes, and recipes with one setting or part changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from relight.errors import InputError
from relight.models.loader import Model
from relight.relighters.steps import image_to_image_steps

FRAMES = "frames"
"""IC-Light on each frame by itself: what the published systems start from."""


@dataclass(frozen=True)
class Variant:
    """One way of relighting.

    Attributes:
        name: in the table. settings: of the job.
        recipe: fields of the video model's recipe (`Recipe`) that differ.
        swaps: ("module.name", value) put in its place while the variant runs: for what is no
            setting, because nobody would want it otherwise.
        about: what is switched off or changed.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    swaps: tuple[tuple[str, Any], ...] = ()
    about: str = ""

    @contextmanager
    def applied(self, model: Model | None) -> Iterator[None]:
        """The variant's recipe and swaps are in force inside the block."""
        with ExitStack() as undo:
            for path, value in self.swaps:
                module, _, name = path.rpartition(".")
                _put(undo, import_module(module), name, value)
            if self.recipe and model is not None and model.pipe is not None:
                best = replace(model.pipe.recipes["best"], **self.recipe)
                _put(undo, model.pipe, "recipes", {**model.pipe.recipes, "best": best})
            yield


RECIPES = ("fast", "best", "paper", FRAMES)


def recipes(names: str) -> list[Variant]:
    """Variants by the names of recipes, with commas between; `best@0.7` is best at intensity .7.

    Raises:
        InputError: another name, or an intensity that is no number or not for this recipe.

    >>> [dict(variant.settings) for variant in recipes("fast, best@0.7")]
    [{'recipe': 'fast'}, {'recipe': 'best', 'intensity': 0.7}]
    """
    return [Variant(name, _settings(name)) for name in _names(names)]


def _settings(name: str) -> dict[str, Any]:
    """Of a recipe's job, by its name and perhaps its intensity."""
    recipe, at, intensity = name.partition("@")
    if not at:
        return {"recipe": recipe}
    try:
        settings = {"recipe": recipe, "intensity": float(intensity)}
    except ValueError:
        settings = {}
    if not settings or recipe == FRAMES:
        raise InputError(
            f"recipes has {name!r}: give an intensity for fast, best or paper, like best@0.7",
            field="recipes",
            value=name,
        )
    return settings


def ablations(names: str) -> list[Variant]:
    """Recipes as they are, and with one setting or part of them changed at a time.

    Raises:
        InputError: only `fast` and `best` have ablations; `paper` is exact.

    >>> [variant.name for variant in ablations("fast,best") if "noise" in variant.name]
    ['fast, own noise', 'best, own noise']
    """
    wanted = _names(names)
    found = []
    for recipe in wanted:
        if recipe not in _ABLATIONS:
            raise InputError(f"{recipe} has no ablations: give fast or best", field="recipes")
        found.append(Variant(recipe, {"recipe": recipe}, about="as it is"))
        for one in _ABLATIONS[recipe]:
            name = one.name if len(wanted) == 1 else f"{recipe}, {one.name}"
            found.append(replace(one, name=name, settings={"recipe": recipe, **one.settings}))
    return found


def _names(text: str) -> list[str]:
    """Of recipes, each once."""
    wanted = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in wanted if name.partition("@")[0] not in RECIPES]
    if unknown or not wanted:
        raise InputError(
            f"recipes is {text!r}: give some of {', '.join(RECIPES)}, with commas between",
            field="recipes",
            value=text,
        )
    return wanted


def _put(undo: ExitStack, holder: Any, name: str, value: Any) -> None:
    """Set an attribute until `undo` is left."""
    own = vars(holder)
    if name in own:
        undo.callback(setattr, holder, name, own[name])
    else:
        undo.callback(delattr, holder, name)
    setattr(holder, name, value)


def _own_noise(**fields: Any) -> Any:
    from relight.relighters.ic_light.relighter import ICLight  # the one that is not swapped

    settings: dict[str, Any] = fields | {"share_noise": False}
    return ICLight(**settings)


def _unchanged(light: Any, *_: Any, **__: Any) -> Any:
    return light


def _no_exposure(*_: Any, **__: Any) -> float:
    return 1.0


def _half_the_steps(steps: int, *strength: float) -> tuple[int, int]:
    return image_to_image_steps(max(steps // 2, 1), *strength)


_KEYS, _LIGHTING = "relight.engine.keys.", "relight.engine.lighting."
_SHARED: tuple[Variant, ...] = (
    Variant("gamma 0", {"gamma": 0.0}, about="no attention shared by the frames"),
    Variant(
        "half the steps",
        swaps=tuple(
            (f"relight.{module}.image_to_image_steps", _half_the_steps)
            for module in (
                "engine.build",
                "relighters.ic_light.relighter",
                "relighters.ic_light.sampling",
            )
        ),
        about="half as many UNet passes a relight",
    ),
    Variant("intensity .5", {"intensity": 0.5}, about="half the light, in stops"),
)
_ABLATIONS: dict[str, tuple[Variant, ...]] = {
    "fast": (
        Variant(
            "own noise",
            swaps=(("relight.relighters.ic_light.ICLight", _own_noise),),
            about="a noise for each keyframe in the stochastic steps",
        ),
        Variant(
            "more keyframes",
            swaps=(("relight.engine.keyframes.EVERY_S", 2 / 3),),
            about="three for every two seconds, not one",
        ),
        Variant(
            "8 lights a second",
            {"light_fps": 8.0},
            about="the light of eight frames a second, not of four; it follows the motion between",
        ),
        Variant("no form", {"shape": 0.0}, about="no shading by the subject's surface"),
        Variant(
            "no lamp colour",
            swaps=(
                *((_KEYS + name, _unchanged) for name in ("lamp_colour", "highlighted", "paled")),
                *((_LIGHTING + name, _unchanged) for name in ("mixed", "vivid")),
            ),
            about="the light's colour as the model draws it",
        ),
        Variant(
            "no exposure",
            swaps=((_LIGHTING + "exposure", _no_exposure), (_LIGHTING + "steadied", _no_exposure)),
            about="brightness as it comes, not held to the source's",
        ),
        *_SHARED,
    ),
    "best": (
        Variant("own noise", recipe={"share_noise": False}, about="a noise for each frame"),
        Variant("every step", recipe={"every": 1}, about="relit in each step, not in every third"),
        Variant(
            "own light",
            swaps=(("relight.engine.relighting.anchored", _unchanged),),
            about="each window's light as the video model finds it, not the clip's",
        ),
        Variant("whole re-encoding", recipe={"difference": False}, about="x0' = E(edited)"),
        Variant("own pixels", {"transfer": "off"}, about="the model's own pixels, no transfer"),
        Variant("every frame", {"light_fps": 240.0}, about="the model sees each frame"),
        *_SHARED,
    ),
}
