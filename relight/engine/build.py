"""From a resolved job and its models to work that can be computed: chunks cut, workflows made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from relight.engine.backdrop import Backdrop
from relight.engine.build_upscale import OVERLAP, upscaling
from relight.engine.carry import Carry
from relight.engine.chunks import Chunk, pieces, windows
from relight.engine.composed import Composed
from relight.engine.form import FORM, Form, form_counts
from relight.engine.found_subject import FoundSubject
from relight.engine.framed import anchors, framing_of, of_model, small_scale, small_size
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
from relight.engine.settled_mask import steps_of
from relight.engine.subject_mask import SubjectMask
from relight.engine.survey import Survey
from relight.engine.work import Work
from relight.engine.workflow import Step, Workflow, Workflows
from relight.jobs import ModelRelightJob, RelightJob, ResolvedRelightJob
from relight.lights import Light, NoLight, asked
from relight.lights.lamps import from_behind
from relight.media import Frame, VideoInfo
from relight.media.depth import like
from relight.media.encoders import takes_planes
from relight.media.source_invariants import with_bars
from relight.models.entries import Entry
from relight.models.finding import Found
from relight.models.hub import depth_network
from relight.models.loader import Model
from relight.relighters.steps import image_to_image_steps, schedule_steps
from relight.types import Size

EDITED = 4
"""Keyframes in a chunk of a model that edits them one by one."""


def workflows(
    job: ResolvedRelightJob, models: Models, info: VideoInfo, survey: Survey, work: Work
) -> Workflows:
    """The work of a job that leaves nothing open: each workflow needs the chunks of the last.

    The frames of the last one are the result.
    """
    clip = _clip(job, models.relighting, info, survey, work)
    found = None if job.region is None else SubjectMask.plan(clip, job.region)
    masks = () if found is None else steps_of(found)
    mask = masks[-1] if masks else None
    behind = _backdrop(job, clip.size, info.fps)
    region = None
    if mask is not None and job.lit != "all":
        region = Region(mask=mask, lit=job.lit, backdrop=behind)
    before: tuple[Step, ...] = ()
    lit: Lighting | Relighting
    if job.recipe == "fast":
        model = None if models.relighting is None else models.to_relight
        before, lit = _lighting(clip, model, info, mask, region)
    else:
        before, lit = _relighting(clip, models.to_relight, info, mask, region)
    before = (*masks, *before)
    # Else their RGB is wanted: for laying them over others, for enlarging them, for the file.
    direct = region is None and job.upscale is None
    lit.planar = direct and takes_planes(job.output, info, clip.size, job.encoding)
    last: Workflow = lit
    if region is not None:
        drawn = lit if isinstance(lit, Relighting) and job.drawn_background else None
        if drawn is None or job.transfer == "on":
            light = NoLight() if job.reference else _light(job, info)
            composed = Composed(
                clip=clip, lit=lit, region=region, light=light, backdrop=behind, drawn=drawn
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
    mend = with_bars if job.behind is None else like  # a new background has no bars of the source
    return *before, last, replace(enlarging, opened=relit, mend=mend)


def _backdrop(job: RelightJob, size: tuple[int, int], fps: Fraction) -> Backdrop | None:
    behind = job.behind
    if behind is None or behind.path is None:
        return None
    return Backdrop(behind.path, size, fps, tonemap=job.tonemap)


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
        job=of_model(job),
        light=light,
        framing=framing_of(job, model, info),
        numbers=tuple(numbers),
        chunks=key_chunks(job, model, info, len(numbers)),
        model=model,
        region=region,
    )
    carry = Carry.plan(clip, keys)
    before: tuple[Step, ...] = (keys, carry)
    form = None
    # An editor draws the form of things itself.
    moments = clip.seconds(range(len(survey.seen)))
    shaped = job.depth_clip is not None or not model.entry.edits
    if shaped and form_counts(light, job.shape, moments):
        chunks = pieces(len(survey.seen), FORM, stage="form")
        network = None if job.shape == 0 else depth_network(job.surface)
        told = job.shape == 0 or job.depth_clip is not None or network is not None
        subjects = () if told or mask is not None else _subject(clip, light, moments)
        form = Form(
            clip=clip,
            light=light,
            chunks=chunks,
            fps=info.fps,
            subject=subjects[-1] if subjects else None,
            mask=mask,
            network=network,
        )
        before = (*before, *subjects, form)
    return before, Lighting(clip=clip, carry=carry, form=form, region=region)


def _subject(
    clip: Clip, light: Light, moments: Sequence[float]
) -> tuple[FoundSubject | SubjectMask, ...]:
    """What finds the subject of a job that has no mask, in order; the last knows where it is.

    A lamp behind the subject shows its outline; one before it hardly does.
    """
    if from_behind(light, moments):
        return steps_of(SubjectMask.automatic(clip), "subject")
    return (FoundSubject.plan(clip),)


def _light(job: ResolvedRelightJob, info: VideoInfo) -> Light:
    """The light that a job asks for, beside its clip."""
    return asked(job.light, job.light_at).for_clip(float(info.fps), tonemap=job.tonemap)


def key_chunks(
    job: ResolvedRelightJob, model: Model | Found[Entry], info: VideoInfo, count: int
) -> tuple[Chunk, ...]:
    """The groups in which a resolved job of recipe fast lights its `count` keyframes."""
    framing = framing_of(job, model, info)
    megapixels = framing.padded_width * framing.padded_height / 1e6
    if model.entry.edits:  # one frame after another
        chunks = pieces(count, EDITED, stage="key", passes=of_model(job).relight_steps)
        return tuple(
            replace(chunk, passes=chunk.passes * len(chunk), megapixels=megapixels)
            for chunk in chunks
        )
    _, passes = image_to_image_steps(of_model(job).relight_steps)
    chunks = [
        replace(chunk, megapixels=len(chunk) * megapixels)
        for chunk in pieces(count, TOGETHER, stage="key", passes=passes)
    ]
    others = [replace(chunk, after=chunks[0].name) for chunk in chunks[1:]]  # and take its light
    return *chunks[:1], *others


def _relighting(
    clip: Clip,
    model: Model,
    info: VideoInfo,
    mask: SubjectMask | None,
    region: Region | None,
) -> tuple[tuple[Step, ...], Relighting]:
    """The windows of the video model, and the clip's one light, where they share it."""
    job, survey = of_model(clip.job), clip.survey
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


def light_chunks(
    job: ModelRelightJob, model: Model | Found[Entry], info: VideoInfo, seen: int
) -> tuple[Chunk, ...]:
    """The windows in which a resolved job lights the frames that its model sees."""
    steps, relights = job.steps, model.recipes[job.recipe].relit_steps(job.steps)
    if job.drawn_background:
        steps, relights = schedule_steps(steps, job.strength), relights + 1
    _, passes = image_to_image_steps(job.relight_steps)
    length = model.entry.window
    overlap = min(OVERLAP, length - 1)
    framing = framing_of(job, model, info)
    pixels = framing.padded_width * framing.padded_height
    chunks = windows(seen, length, overlap, stage="light", passes=relights * passes + steps)
    return tuple(replace(chunk, megapixels=len(chunk) * pixels / 1e6) for chunk in chunks)
