"""From a resolved job and its models to work that can be computed: chunks cut, workflows made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from relight.diffusion.framing import Framing
from relight.engine.backdrop import Backdrop
from relight.engine.build_upscale import OVERLAP, upscaling
from relight.engine.carry import Carry
from relight.engine.chunks import Chunk, pieces, windows
from relight.engine.composed import Composed
from relight.engine.form import FORM, Form, form_counts
from relight.engine.found_subject import FoundSubject
from relight.engine.frames import Buffered
from relight.engine.keyframes import keyframes
from relight.engine.keys import TOGETHER, Keys
from relight.engine.lighting import Lighting
from relight.engine.lit_clip import Clip
from relight.engine.prepare import upscale_job
from relight.engine.reference_lights import read_references
from relight.engine.references import read_stills
from relight.engine.region import Region
from relight.engine.relighting import Relighting
from relight.engine.resolve import Models, resolve_upscale
from relight.engine.subject_mask import SubjectMask
from relight.engine.survey import Scale, Survey
from relight.engine.work import Work
from relight.engine.workflow import Step, Workflow, Workflows
from relight.jobs import ModelRelightJob, RelightJob, ResolvedRelightJob
from relight.lights import Light, NoLight, asked
from relight.media import Frame, VideoInfo
from relight.media.depth import to_uint8
from relight.media.source_invariants import with_bars
from relight.methods.carried_light import SIDE
from relight.models.catalogue import Entry
from relight.models.finding import Found
from relight.models.hub import depth_network
from relight.models.loader import Model
from relight.relighters.ic_light import image_to_image_steps
from relight.types import Size

MARGIN = 1 / 16
"""Of the side, around the frame that a model sees. Two lights that `mini` draws for one place
differ, where it is at the border of one frame and in the middle of the other, 1.56 times as much as
in the middle of both; with the margin 1.05 times (`python -m examples.border_margin`)."""
EDITED = 4
"""Keyframes in a chunk of a model that edits them one by one."""


def workflows(
    job: ResolvedRelightJob, models: Models, info: VideoInfo, survey: Survey, work: Work
) -> Workflows:
    """The work of a job that leaves nothing open: each workflow needs the chunks of the last.

    The frames of the last one are the result.
    """
    clip = _clip(job, models.relighting, info, survey, work)
    mask = None if job.region is None else SubjectMask.plan(clip, job.region, info)
    behind = _backdrop(job, clip.size, info.fps)
    region = None
    if mask is not None and job.lit != "all":
        region = Region(mask=mask, lit=job.lit, backdrop=behind)
    before: tuple[Step, ...] = ()
    last: Workflow
    if job.recipe == "fast":
        model = None if models.relighting is None else models.to_relight
        before, last = _lighting(clip, model, info, mask, region)
    else:
        before, last = _relighting(clip, models.to_relight, info, mask, region)
    if mask is not None:
        before = (mask, *before)
    if region is not None:
        drawn = last if isinstance(last, Relighting) and job.drawn_background else None
        if drawn is None or job.transfer == "on":
            light = NoLight() if job.reference else _light(job, info)
            composed = Composed(
                clip=clip, lit=last, region=region, light=light, backdrop=behind, drawn=drawn
            )
            before, last = (*before, last), composed
    if job.upscale is None:
        return *before, last
    second = resolve_upscale(
        upscale_job(job, models.to_upscale.name), models.to_upscale, Size(info.height, info.width)
    )

    def relit(first: int) -> Iterator[Frame]:
        return last.frames(work.load, first)

    enlarging = upscaling(second, models, info, survey)
    return *before, last, replace(enlarging, source=Buffered(relit), mend=with_bars)


def seen_by(
    job: ResolvedRelightJob, models: Models, info: VideoInfo
) -> tuple[float | None, Scale | None, bool]:
    """What a survey is to keep for a resolved job: small frames a second (None: all), how they are
    made (None: none are kept), and whether some pairs, too."""
    if job.recipe == "fast":
        fps = None if job.reference else job.light_fps
        scale = small_scale(small_size(job, models.relighting, info), info)
        return fps, scale, not job.reference
    framing = framing_of(job, models.to_relight, info)
    sparse = job.transfer == "on" and not job.drawn_background  # which is drawn for every frame
    return job.light_fps if sparse else None, framing.scale, anchors(_of_model(job))


def _small_side(
    job: ResolvedRelightJob, model: Model | Found[Entry] | None, info: VideoInfo
) -> int:
    """Shorter side of the small frames: enough for the flow, and for the model."""
    if model is None:
        return SIDE
    framing = framing_of(job, model, info)
    return max(SIDE, framing.width, framing.height)


def small_size(
    job: ResolvedRelightJob, model: Model | Found[Entry] | None, info: VideoInfo
) -> Size:
    """Of the small frames of a resolved job whose light is carried."""
    if job.recipe != "fast":
        assert model is not None, "only a light that is carried needs none"
        framing = framing_of(job, model, info)
        return Size(framing.height, framing.width)
    shrink = min(_small_side(job, model, info) / min(info.width, info.height), 1.0)
    return Size(max(round(info.height * shrink), 1), max(round(info.width * shrink), 1))


def small_scale(size: Size, info: VideoInfo) -> Scale:
    """Frames -> the same at a size of small frames, 8 bits."""

    def scale(image: np.ndarray) -> np.ndarray:
        if size.width < info.width or size.height < info.height:
            image = cv2.resize(image, (size.width, size.height), interpolation=cv2.INTER_AREA)
        return to_uint8(image)

    return scale


def _backdrop(job: RelightJob, size: tuple[int, int], fps: Fraction) -> Backdrop | None:
    behind = job.behind
    return None if behind is None or behind.path is None else Backdrop(behind.path, size, fps)


def _clip(
    job: ResolvedRelightJob,
    model: Model | Found[Entry] | None,
    info: VideoInfo,
    survey: Survey,
    work: Work,
) -> Clip:
    if job.recipe == "fast":
        scale = small_scale(small_size(job, model, info), info)
    else:
        assert model is not None, "only a light that is carried needs none"
        scale = framing_of(job, model, info).scale
    size = (info.width, info.height)
    return Clip(job=job, survey=survey, work=work, size=size, scale=scale)


def _lighting(
    clip: Clip,
    model: Model | None,
    info: VideoInfo,
    mask: SubjectMask | None,
    region: Region | None,
) -> tuple[tuple[Step, ...], Lighting]:
    """(what comes before, the last step): all of a clip whose light is carried."""
    job, survey = clip.job, clip.survey
    if model is None:
        references = read_references(clip, read_stills(job))
        carry = Carry.plan(clip, references)
        return (carry,), Lighting(clip=clip, carry=carry, form=None)
    light = _light(job, info)
    seconds = float(survey.times[-1] - survey.times[0])
    # A light that moves is found anew in every frame: carried along, it would be smeared.
    numbers = range(len(survey.seen)) if light.moving else keyframes(survey.thumbs, seconds)
    keys = Keys(
        clip=clip,
        job=_of_model(job),
        light=light,
        framing=framing_of(job, model, info),
        numbers=tuple(numbers),
        chunks=key_chunks(job, model, info, len(numbers)),
        model=model,
        region=region,
    )
    carry = Carry.plan(clip, keys)
    form = None
    # An editor draws the form of things itself.
    moments = clip.seconds(range(len(survey.seen)))
    shaped = job.depth_clip is not None or not model.entry.edits
    if shaped and form_counts(light, job.shape, moments):
        chunks = pieces(len(survey.seen), FORM, stage="form")
        network = None if job.shape == 0 else depth_network(job.surface)
        told = job.shape == 0 or job.depth_clip is not None or network is not None
        subject = None if told or mask is not None else FoundSubject.plan(clip)
        form = Form(
            clip=clip,
            light=light,
            chunks=chunks,
            fps=info.fps,
            subject=subject,
            mask=mask,
            network=network,
        )
    flows = [keys, carry]
    if form is not None:
        flows += [form] if form.subject is None else [form.subject, form]
    return tuple(flows), Lighting(clip=clip, carry=carry, form=form, region=region)


def _light(job: ResolvedRelightJob, info: VideoInfo) -> Light:
    """The light that a job asks for, beside its clip."""
    return asked(job.light, job.light_at).for_clip(float(info.fps))


def key_chunks(
    job: ResolvedRelightJob, model: Model | Found[Entry], info: VideoInfo, count: int
) -> tuple[Chunk, ...]:
    """The groups in which a resolved job of recipe fast lights its `count` keyframes."""
    framing = framing_of(job, model, info)
    megapixels = framing.padded_width * framing.padded_height / 1e6
    if model.entry.edits:  # one frame after another
        chunks = pieces(count, EDITED, stage="key", passes=_of_model(job).relight_steps)
        return tuple(
            replace(chunk, passes=chunk.passes * len(chunk), megapixels=megapixels)
            for chunk in chunks
        )
    _, passes = image_to_image_steps(_of_model(job).relight_steps)
    chunks = [
        replace(chunk, megapixels=len(chunk) * megapixels)
        for chunk in pieces(count, TOGETHER, stage="key", passes=passes)
    ]
    others = [replace(chunk, after=chunks[0].name) for chunk in chunks[1:]]  # and take its light
    return *chunks[:1], *others


def framing_of(job: ResolvedRelightJob, model: Model | Found[Entry], info: VideoInfo) -> Framing:
    """How the frames of a resolved job are shown to its model.

    With a margin, which the published recipe has not, nor has a model that edits pictures: it would
    edit the margin too. Where the model's own pixels are wanted it is beside the frame's size.
    """
    side = _of_model(job).side
    margin = 0 if job.recipe == "paper" or model.entry.edits else round(side * MARGIN)
    side += 2 * margin if job.transfer == "off" else 0
    multiple = model.multiple
    return Framing.fit(info.width, info.height, side=side, multiple=multiple, margin=margin)


def _of_model(job: ResolvedRelightJob) -> ModelRelightJob:
    """The job, which was resolved with a model, as what it is."""
    assert isinstance(job, ModelRelightJob), "only a job without a reference has a model"
    return job


def _relighting(
    clip: Clip,
    model: Model,
    info: VideoInfo,
    mask: SubjectMask | None,
    region: Region | None,
) -> tuple[tuple[Step, ...], Relighting]:
    """The windows of the video model, and what anchors them: not the paper's, and not those with
    a background that the model draws for itself."""
    job, survey = _of_model(clip.job), clip.survey
    before: tuple[Step, ...] = ()
    shared: Lighting | None = None
    if anchors(job):
        # The windows' light is scaled when it is applied; own pixels get no form but their own.
        shape = job.shape if job.transfer == "on" else 0.0
        plain = replace(clip, job=job.model_copy(update={"intensity": 1.0, "shape": shape}))
        before, shared = _lighting(plain, model, info, mask, region)
    windows = Relighting(
        job=job,
        light=_light(job, info),
        framing=framing_of(job, model, info),
        size=(info.width, info.height),
        survey=survey,
        work=clip.work,
        chunks=light_chunks(job, model, info, len(survey.seen)),
        model=model,
        region=region,
        shared=shared,
    )
    return before, windows


def anchors(job: ModelRelightJob) -> bool:
    """Whether the windows of a resolved job of the video model share the clip's one light."""
    return job.recipe == "best" and not job.drawn_background


def light_chunks(
    job: ModelRelightJob, model: Model | Found[Entry], info: VideoInfo, seen: int
) -> tuple[Chunk, ...]:
    """The windows in which a resolved job lights the frames that its model sees."""
    relights = model.recipes[job.recipe].relit_steps(job.steps)
    _, passes = image_to_image_steps(job.relight_steps)
    length = model.entry.window
    overlap = min(OVERLAP, length - 1)
    framing = framing_of(job, model, info)
    pixels = framing.padded_width * framing.padded_height
    chunks = windows(seen, length, overlap, stage="light", passes=relights * passes)
    return tuple(replace(chunk, megapixels=len(chunk) * pixels / 1e6) for chunk in chunks)
