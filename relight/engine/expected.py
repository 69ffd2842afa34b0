"""What a run is thought to take, stage by stage: for its progress, and before it begins.

A model's stages take as long for each megapixel that is denoised as they did in the last runs here.
What the processor does beside takes as long for each frame as it did where it was measured, times
one number, the pace, by which machines differ and which the last runs here tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from relight.engine.chunks import Chunk, passes_of
from relight.engine.survey import Survey
from relight.jobs import ResolvedJob, ResolvedRelightJob
from relight.jobs.regions import MaskFile
from relight.lights import NoLight, parse_light

DENOISED = {"key": 5.5, "light": 6.5, "upscale": 15.0, "guide": 3.0}
"""Seconds for each megapixel in all passes, where no run has told: those of `mini` on two cores."""
PASS = {"matte": 0.8, "mask": 0.09, "carry": 0.1, "subject": 0.11, "form": 0.04}
"""Seconds of one core for each small frame that a stage without a model works on."""
PACE = 0.75
"""Seconds for one of those of one core, where no run has told: two cores share the work."""
HELD, HELD_BYTES, HELD_MOST = 8, 230, 500e6
"""Frames of the result in hand at once; bytes for each pixel of one, for all of them; at most."""
OF_JOB = ("pace", "start", "memory")
"""What runs of one kind of job tell, beside seconds a megapixel of a model's stages."""


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How much a run has to do.

    Attributes:
        frames: of the result. megapixels: of one. seen: small frames that are lit.
        passes: by stage that has chunks. denoised: megapixels in all passes, of a model's stages.
        masked: whether a mask is brought to every frame. stored: whether frames are stored whole.
    """

    frames: int
    megapixels: float
    seen: int = 0
    passes: Mapping[str, int] = field(default_factory=dict)
    denoised: Mapping[str, float] = field(default_factory=dict)
    masked: bool = False
    stored: bool = False

    @property
    def units(self) -> dict[str, int]:
        """By stage, what its progress counts."""
        return {"survey": self.frames, **self.passes, "write": self.frames}


def held_bytes(amounts: Amounts, device: str = "cpu") -> float:
    """Memory of a model's device that frames of the result take, at most: none of a GPU's.

    >>> [held_bytes(Amounts(frames=n, megapixels=1.0)) / 1e6 for n in (1, 8, 100)]
    [28.75, 230.0, 230.0]
    """
    if device != "cpu":
        return 0.0
    part = min(amounts.frames / HELD, 1.0)
    return min(part * HELD_BYTES * amounts.megapixels * 1e6, HELD_MOST)


def expected(amounts: Amounts, rates: Mapping[str, float]) -> dict[str, float]:
    """Seconds by stage, the start not among them.

    Args:
        rates: some of those, see `relight.engine.estimates.rates`.

    >>> one = Amounts(frames=100, megapixels=2.0, seen=25, passes={"carry": 30})
    >>> {stage: round(seconds, 2) for stage, seconds in expected(one, {"pace": 1.0}).items()}
    {'survey': 1.2, 'write': 15.75, 'carry': 3.0}
    """
    pace = rates.get("pace", PACE)
    found = {stage: seconds * pace for stage, seconds in beside(amounts).items()}
    for stage, megapixels in amounts.denoised.items():
        found[stage] = megapixels * rates.get(stage, DENOISED[stage])
    return found


def beside(amounts: Amounts) -> dict[str, float]:
    """Seconds of one core by stage, of those without a model: of an EPYC's, as in `PASS`.

    >>> beside(Amounts(frames=10, megapixels=1.0))
    {'survey': 0.12, 'write': 0.5}
    """
    frames, megapixels = amounts.frames, amounts.frames * amounts.megapixels
    write = 0.05 * megapixels
    if amounts.stored:
        write += 0.07 * megapixels
    if amounts.masked:
        write += 0.25 * megapixels
    if amounts.seen:  # the light between small frames
        write += 0.04 * frames
    if "carry" in amounts.passes:  # the light of small frames
        write += 0.07 * amounts.seen
    if "form" in amounts.passes:  # an exposure for the clip
        write += 1.0
    found = {"survey": 0.012 * frames, "write": write}
    return found | {s: n * PASS[s] for s, n in amounts.passes.items() if s in PASS}


def amounts_of(
    job: ResolvedJob,
    *,
    frames: int,
    megapixels: float,
    seen: int,
    lit: int,
    passes: Mapping[str, int],
    denoised: Mapping[str, float],
) -> Amounts:
    """What a resolved job has to do, before its clip is surveyed.

    Args:
        lit: frames whose light is carried to the others: keyframes, or given pictures.
        passes, denoised: of the stages of models. The rest: see `Amounts`.
    """
    others: dict[str, int] = {}
    masked = False
    if isinstance(job, ResolvedRelightJob):
        masked = job.region is not None
        if masked:
            found = ["mask"] if isinstance(job.region, MaskFile) else ["matte", "mask"]
            others |= dict.fromkeys(found, seen)
        if 0 < lit < seen:  # all but those at the ends get it from two sides
            others["carry"] = round((seen - lit) * (2 - 1 / lit))
        has_light = job.light_at or not isinstance(parse_light(job.light), NoLight)
        if "key" in passes and job.shape and has_light:
            others |= {"form": seen} if masked else {"subject": seen, "form": seen}
    return Amounts(
        frames=frames,
        megapixels=megapixels,
        seen=seen,
        passes={**others, **passes},
        denoised=denoised,
        masked=masked,
        stored="upscale" in passes or "guide" in passes,
    )


def counted(
    planned: Amounts, chunks: Sequence[Chunk], found: Survey, size: tuple[int, int]
) -> Amounts:
    """What a run has to do, once its clip is surveyed.

    Args:
        planned: what it was thought to be. size: (width, height) of the result.
    """
    denoised: dict[str, float] = {}
    for chunk in chunks:
        if chunk.cost:
            denoised[chunk.stage] = denoised.get(chunk.stage, 0.0) + chunk.cost
    return replace(
        planned,
        frames=len(found.times),
        seen=len(found.seen) if planned.seen else 0,
        megapixels=size[0] * size[1] / 1e6,
        passes=passes_of(chunks),
        denoised=denoised,
    )
