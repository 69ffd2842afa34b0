"""Sources that have a property each, for the tables of what survives from one to a result."""

import struct
from collections.abc import Callable
from fractions import Fraction

import av
import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from relight.media import Encoding, write

from .heif import auxiliary, heic
from .making import encode, numbered
from .test_colours import hdr, wide_profile

SIZE = (64, 48)


def plain(path: str = "a.mkv", **options: object) -> str:
    encode(path, [numbered(k, SIZE) for k in range(10)], **options)
    return path


def sounding(codec: str, path: str = "a.mkv", seconds: float = 0.4) -> Callable[[], str]:
    samples = np.sin(np.arange(round(48000 * seconds)) * 0.05)

    def make() -> str:
        return plain(path, sound=(codec, 48000, samples))

    return make


def film() -> str:
    """A Matroska file with everything beside its pictures, added to a plain one."""
    sounding("aac", "p.mkv")()
    with av.open("p.mkv") as source, av.open("a.mkv", "w") as out:
        to = [out.add_stream_from_template(s, opaque=True) for s in source.streams]
        second = out.add_stream_from_template(source.streams.audio[0], opaque=True)
        to[0].metadata.update({"title": "Main", "language": "eng", "timecode": "01:00:00:00"})
        second.metadata.update({"title": "Comments", "language": "jpn"})
        text = out.add_stream("subrip")
        text.codec_context.subtitle_header = b""
        out.add_attachment("font.ttf", "font/ttf", bytes(range(256)))
        picture = cv2.imencode(".jpg", np.full((32, 32, 3), 90, np.uint8))[1].tobytes()
        out.add_attachment("cover.jpg", "image/jpeg", picture)
        tags = {"title": "A film", "comment": "mine", "creation_time": "2020-02-03T04:05:06Z"}
        out.metadata.update(tags | {"location": "+52.5+013.4/", "DATE_RECORDED": "2020"})
        out.set_chapters([{"id": 1, "start": 0, "end": 300, "time_base": Fraction(1, 1000),
                           "metadata": {"title": "One"}}])  # fmt: skip
        for packet in source.demux():
            if packet.size:
                copies = [to[packet.stream_index]] + [second] * (packet.stream.type == "audio")
                data = bytes(packet)
                for stream in copies:
                    new = av.Packet(data)
                    new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
                    new.duration, new.is_keyframe = packet.duration, packet.is_keyframe
                    new.stream = stream
                    out.mux(new)
        cue = av.Packet(b"Hello")
        cue.stream, cue.time_base, cue.pts, cue.dts, cue.duration = (
            text,
            Fraction(1, 1000),
            50,
            50,
            200,
        )
        out.mux(cue)
    return "a.mkv"


def deep(bits: int) -> Callable[[], str]:
    def make() -> str:
        levels = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (48, 1))
        lossless = Encoding(codec="ffv1", depth=bits)
        with write("a.mkv", size=SIZE, fps=25, encoding=lossless, overwrite=True) as out:
            for k in range(3):
                out.add(np.dstack([np.roll(levels, k, 1)] * 3), Fraction(k, 25))
        return "a.mkv"

    return make


def clear(path: str = "a.png", count: int = 3) -> str:
    frames = []
    for k in range(count):
        image = np.zeros((48, 64, 4), np.uint8)
        image[10:30, 8 + 8 * k : 32 + 8 * k] = (200, 30, 10, 255)
        frames.append(Image.fromarray(image))
    more = {"save_all": True, "append_images": frames[1:], "duration": 100, "loop": 3}
    frames[0].save(path, **(more if count > 1 else {}))
    return path


def tagged(primaries: int, curve: int, matrix: int) -> Callable[[], str]:
    tags = {"color_primaries": primaries, "color_trc": curve, "colorspace": matrix}
    image = np.full((48, 64, 3), (180, 90, 60), np.uint8)

    def make() -> str:
        return str(encode("a.mp4", [image] * 3, pix_fmt="yuv444p", tags=tags))

    return make


def hdr10() -> str:
    hdr("a.mp4", 16)
    return "a.mp4"


def phone() -> str:
    return plain("a.mp4", turn={"degrees": 90, "hflip": False})


def picture(depth: int = 8, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:48, 0:64]
    planes = [x / 63, y / 47, (x + y) / 110, np.where(x > 40, 0.25, 1)]
    if channels <= 2:
        planes = [planes[0], planes[3]]
    image = np.dstack(planes[:channels]) * (255 if depth == 8 else 65535)
    return image.astype(np.uint8 if depth == 8 else np.uint16)


def by_opencv(path: str, image: np.ndarray) -> Callable[[], str]:
    def make() -> str:
        cv2.imwrite(path, image)
        return path

    return make


def by_pillow(path: str, mode: str = "RGB", **options: object) -> Callable[[], str]:
    def make() -> str:
        image = Image.fromarray(picture())
        if mode == "P":
            image = image.quantize(64)
        image.convert(mode).save(path, **options)
        return path

    return make


def photograph() -> str:
    exif = Image.Exif()
    exif[0x010E], exif[0x8298], exif[0x0112] = "my picture", "(c) me", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09"})
    iptc = b"\x1c\x02\x78\x00\x05Hello"
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    extra = b"\xff\xed" + struct.pack(">H", len(block) + 3) + block + b"\0"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">mine</x:xmpmeta>'
    described = {"exif": exif, "xmp": xmp, "extra": extra, "dpi": (300, 300)}
    Image.fromarray(picture()).save("a.jpg", comment="shot by me", **described)
    return "a.jpg"


def texts() -> str:
    found = PngInfo()
    found.add_text("Author", "me")
    Image.fromarray(picture()).save("a.png", pnginfo=found)
    return "a.png"


def deep_heic() -> str:
    heic("a.heic", np.repeat(picture(16), 2, 0)[:64])
    return "a.heic"


def deep_avif() -> str:
    heic("a.avif", np.repeat(picture(16), 2, 0)[:64], kind=b"av01")
    return "a.avif"


def portrait() -> str:
    """A phone's picture: its file also holds a depth map."""
    depth_map = np.full((64, 64, 3), 90, np.uint8)
    image = np.repeat(picture(), 2, 0)[:64]
    heic("a.heic", image, beside=[(b"auxl", [auxiliary("auxid:2")], depth_map)])
    return "a.heic"


def profile() -> bytes:
    return wide_profile()


def with_profile(mode: str, path: str = "a.png") -> Callable[[], str]:
    def make() -> str:
        return by_pillow(path, mode, icc_profile=profile())()

    return make


def cmyk() -> str:
    Image.fromarray(picture()).convert("CMYK").save("a.jpg", quality=95)
    return "a.jpg"


def unsteady() -> str:
    """Frames at any time; none is shown for less than 20 ms."""
    times = [Fraction(t, 1000) for t in (0, 40, 100, 133, 250, 900, 1000, 1033, 1500, 2000)]
    return plain(times=times)


def odd(path: str = "a.mkv") -> str:
    images = [numbered(k, (65, 49)) for k in range(3)]
    if path.endswith("png"):
        Image.fromarray(images[0]).save(path)
    else:
        encode(path, images, pix_fmt="yuv444p")
    return path
