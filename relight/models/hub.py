"""Where the files of a model are on this machine, and how to get them.

Only `download` uses the network, and only `relight models download` calls it: a run that lacks
weights says which command gets them. Nothing here imports torch.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from relight.errors import ModelError, choices
from relight.models.catalogue import MINI
from relight.models.entries import Source, Weights
from relight.models.files import fault

DEPTH_REPO = "depth-anything/Depth-Anything-V2-Small-hf"
"""Depth Anything V2 small, Apache-2.0; see `relight.models.depth_anything`."""

SAM2 = tuple(f"facebook/sam2.1-hiera-{size}" for size in ("large", "base-plus", "small", "tiny"))
"""Repositories of SAM 2 (Apache-2.0), which finds subjects if it is here; the best first."""
SAFETENSORS = "model.safetensors"


def locate(entry: Weights) -> dict[str, Path]:
    """Name of each part -> its path on this machine; see `relight.diffusion.parts.Parts`.

    Raises:
        ModelError: a file is missing or cut off; names it, its repository and the command that
            gets it.
    """
    if not entry.sources:
        return {path.name: path for path in MINI.iterdir()}
    found: dict[str, Path] = {}
    for source in entry.sources:
        root = _snapshot(source)
        for part in source.parts:
            gap = f"{part} is missing" if root is None else fault(source.path(root, part))
            if root is None or gap:
                raise ModelError(
                    f"the weights of {entry.name} are not here ({gap}, of {source.repo}): get them "
                    f"with `relight models download {entry.name}` ({entry.size})"
                )
            found[source.into + source.names.get(part, part)] = source.path(root, part)
    return found


def depth_network(name: str) -> str | None:
    """What a job's `surface` means: a folder or a repository of a depth network; None: none.

    Args:
        name: "auto" (a network that is here, else none), "subject" (none), "depth", or a folder.

    Raises:
        ModelError: "depth" without its weights, no folder, or one without a network.
    """
    if name == "subject":
        return None
    if name in ("auto", "depth"):
        from huggingface_hub import try_to_load_from_cache

        files = ("config.json", "model.safetensors")
        if all(isinstance(try_to_load_from_cache(DEPTH_REPO, file), str) for file in files):
            return DEPTH_REPO
        if name == "auto":
            return None
        raise ModelError(
            f"the weights of the depth network are not here: get them with `hf download "
            f"{DEPTH_REPO}` (100 MB), or take surface subject"
        )
    if not Path(name).is_dir():
        raise ModelError(
            f"unknown surface {name!r}: use auto, subject, depth, or a folder of a depth network"
        )
    if not (Path(name, "config.json").is_file() and any(Path(name).glob("*.safetensors"))):
        raise ModelError(
            f"the surface folder {name} has no config.json and .safetensors: get a depth network "
            f"with `hf download {DEPTH_REPO}`"
        )
    return name


def check(name: str, known: Mapping[str, Weights]) -> None:
    """Refuse a model that can't be loaded, as far as its name and its files show.

    Args:
        name: "auto", a key of `known`, or a folder. known: part of the catalogue.

    Raises:
        ModelError: an unknown name, or weights that are missing.
    """
    if name in known:
        locate(known[name])
    elif name != "auto" and not (name and Path(name).is_dir()):
        named = choices(name, ("auto", *known))
        raise ModelError(f"unknown model {name!r}, and no folder of that name: {named}")


def sam2_folder() -> Path | None:
    """Where the hub's cache holds a SAM 2 video model; None: nowhere. The largest one is taken."""
    from huggingface_hub import try_to_load_from_cache

    for repo in SAM2:
        found = [try_to_load_from_cache(repo, name) for name in ("config.json", SAFETENSORS)]
        if all(isinstance(path, str) for path in found):
            return Path(str(found[1])).parent
    return None


def is_here(entry: Weights) -> bool:
    """Whether all files of a model are on this machine."""
    try:
        locate(entry)
    except ModelError:
        return False
    return True


def download(entry: Weights) -> None:
    """Get the files of a model into the hub's cache, with progress bars on stderr.

    Files that are there are not fetched again, and a connection that breaks is picked up in the
    middle of a file. (The hub's client starts a file anew that was not whole when it ended.)

    Raises:
        ModelError: the hub can't be reached or refuses, or the disk is full: one line.
    """
    from huggingface_hub import snapshot_download

    for source in entry.sources:
        try:
            snapshot_download(source.repo, **_wanted(source))
        except Exception as error:  # the client raises many kinds, its HTTP library's among them
            raise ModelError(f"can't download {source.repo}: {_cause(error, source)}") from error
    locate(entry)


def _snapshot(source: Source) -> Path | None:
    """The folder of a repository in the hub's cache, if it is there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source.repo, local_files_only=True, **_wanted(source)))
    except LocalEntryNotFoundError as error:
        incomplete = getattr(error, "snapshot_path", None)  # `fault` then says what is missing
        return Path(incomplete) if incomplete else None


def _wanted(source: Source) -> dict[str, Any]:
    patterns = []
    for part in source.parts:
        if part.endswith(".safetensors"):
            patterns.append(part)
        else:
            prefix = "" if source.whole else f"{part}/"
            patterns += [prefix + end for end in ("*.json", "*.txt", "*.model", "*.safetensors")]
    return {
        "revision": source.revision,
        "allow_patterns": patterns,
        "ignore_patterns": ["*.fp16.*", "*non_ema*"],  # second copies of the same weights
    }


def _cause(error: Exception, source: Source) -> str:
    """Why a download failed, and what to do, in one line."""
    from huggingface_hub import errors

    page = f"https://huggingface.co/{source.repo}"
    for cause in _chain(error):
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(cause, errors.OfflineModeIsEnabled):
            return "HF_HUB_OFFLINE is set: unset it to download"
        if isinstance(cause, errors.GatedRepoError) or status == 403:
            return f"access is refused ({status}): accept its terms at {page}, then `hf auth login`"
        if isinstance(cause, errors.RevisionNotFoundError):
            return f"it has no revision {source.revision} (404)"
        if isinstance(cause, errors.RepositoryNotFoundError):
            return f"it doesn't exist, or is private ({status}): see {page}"
        if status is not None:
            return f"the hub answered {status}: try again later"
        if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            return "the disk is full: make room, or set HF_HOME to a folder on another disk"
        if isinstance(cause, PermissionError):
            return f"no permission to write {cause.filename}"
    reason = " ".join(str(error).split())[:200]
    return f"{reason} (whole files are kept: run the same command again)"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
