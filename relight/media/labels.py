"""What a track says about itself to people: language, title, and what it is for."""

from __future__ import annotations

import re
from collections.abc import Callable

from av.stream import Stream

from relight.media.formats import Format

OnNote = Callable[[str], None]

# Titles that writing programs give by themselves ("SoundHandler", "ISO Media file ...").
_BY_ITSELF = re.compile(r"handler|media|gpac|l-smash|mainconcept|alias|\x00", re.IGNORECASE)
# QuickTime numbers its languages; FFmpeg knows the numbers by these codes.
_QUICKTIME = """
    eng fra ger ita dut sve spa dan por nor heb jpn ara fin gre ice mlt tur chi urd hin tha kor lit
    pol hun est lav rus alb ron ces slk slv yid mac bul ukr bel uzb kaz aze arm geo mol kir tgk tuk
    mon pus kur kas snd tib nep san mar ben asm guj ori mal kan tam tel bur khm lao vie ind tgl may
    amh tir orm som swa run mlg epo wel baq cat lat que grn aym tat uig dzo jav hr sr fo pa
"""
_OTHER_CODES = {  # the second of the two codes that ISO 639-2 has for some
    **{"deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi", "sqi": "alb"},
    **{"fre": "fra", "cze": "ces", "slo": "slk", "mkd": "mac", "rum": "ron", "cym": "wel"},
    **{"eus": "baq", "hye": "arm", "kat": "geo", "mya": "bur", "msa": "may", "bod": "tib"},
    **{"hrv": "hr ", "scr": "hr ", "srp": "sr ", "scc": "sr ", "fao": "fo ", "pan": "pa "},
}


def said(stream: Stream) -> dict[str, str]:
    """The language and title of a stream; other tags describe the old file.

    MP4 and QuickTime keep the title as "name", or in the place of the handler's name.
    """
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    found = {}
    if (language := tags.get("language", "und")) != "und":
        found["language"] = language
    handler = tags.get("handler_name", "")
    own = "" if _BY_ITSELF.search(handler) else handler
    if title := tags.get("title") or tags.get("name") or own:
        found["title"] = title
    return found


def label(to: Stream, source: Stream, target: Format, on_note: OnNote) -> None:
    """Give a new track the language, title and disposition of the one it is made of."""
    tags = said(source)
    if target.muxer == "mov" and (code := tags.get("language")):
        tags["language"] = _OTHER_CODES.get(code, code)
        if tags["language"].strip() not in _QUICKTIME.split():
            on_note(f"the language {code} of a track has no number in QuickTime, left out")
    if target.muxer in ("mp4", "mov") and "title" in tags:
        tags["handler_name"] = tags["title"]  # where players look for it
    to.metadata.update(tags)
    to.disposition = source.disposition
