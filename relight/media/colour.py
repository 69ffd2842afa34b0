"""Wide colours into sRGB / BT.709: primaries, tone curves and ICC matrix profiles, at any depth.

Sources: ITU-T H.273 (primaries and their numbers), IEC 61966-2-1 (sRGB), ICC.1:2022 (profiles).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from relight.media.depth import like, to_uint16

Curve = Callable[[np.ndarray], np.ndarray]

_D65, _DCI = (0.3127, 0.3290), (0.314, 0.351)
PRIMARIES = {  # H.273 number: name, (x, y) of red, green, blue, and white
    9: ("BT.2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), _D65),
    11: ("DCI-P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _DCI),
    12: ("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65),
}
_BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_SRGB_D50 = np.array(  # the columns of every sRGB profile, adapted to D50
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
_STRIP = 1 << 20  # pixels handled at once


def srgb_to_linear(x: np.ndarray) -> np.ndarray:
    """sRGB-encoded to linear light; above 1 and below 0 the curve goes on."""
    size = np.abs(x)
    return np.sign(x) * np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(x: np.ndarray) -> np.ndarray:
    """Linear light to sRGB-encoded; the inverse of `srgb_to_linear`.

    >>> round(float(linear_to_srgb(srgb_to_linear(np.float64(0.5)))), 6)
    0.5
    """
    size = np.abs(x)
    high = 1.055 * np.maximum(size, 1e-9) ** (1 / 2.4) - 0.055
    return np.sign(x) * np.where(size <= 0.0031308, size * 12.92, high)


def power(gamma: float) -> Curve:
    """The curve x ** gamma on [0, 1]."""
    return lambda x: np.maximum(x, 0) ** gamma


def to_bt709(primaries: int) -> np.ndarray:
    """(3, 3) matrix from linear light of `primaries` (H.273) to linear BT.709.

    >>> to_bt709(9).round(3)[0].tolist()
    [1.66, -0.588, -0.073]
    """
    _, points, white = PRIMARIES[primaries]
    return from_points(points, white)


def from_points(points: Sequence[tuple[float, float]], white: tuple[float, float]) -> np.ndarray:
    """(3, 3) matrix to linear BT.709 from primaries given by (x, y) of red, green, blue, white."""
    return np.linalg.inv(_to_xyz(_BT709, _D65)) @ _adapted(white) @ _to_xyz(points, white)


def is_usual(points: Sequence[tuple[float, float]]) -> bool:
    """Are (x, y) of red, green, blue and white those of BT.709, within what files round to?"""
    return bool(np.abs(np.array(points) - (*_BT709, _D65)).max() < 0.006)


def is_triangle(points: Sequence[tuple[float, float]]) -> bool:
    """Can (x, y) of red, green, blue and white be those of a display or a camera?"""
    red, green, blue, white = np.array(points, np.float64)
    area = np.cross(np.append(green - red, 0), np.append(blue - red, 0))[2]
    sane = np.isfinite(points).all() and min(p[1] for p in points) > 1e-3
    return bool(sane and abs(area) > 0.02 and white[1] > 0.1 and np.abs(points).max() < 2)


def _to_xyz(points: Sequence[tuple[float, float]], white: tuple[float, float]) -> np.ndarray:
    columns = np.array([_xyz(point) for point in points]).T
    return columns * np.linalg.solve(columns, _xyz(white))


def _xyz(point: tuple[float, float]) -> np.ndarray:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adapted(white: tuple[float, float]) -> np.ndarray:
    """Bradford's adaptation of a white point to D65."""
    cone = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    return np.linalg.inv(cone) @ np.diag((cone @ _xyz(_D65)) / (cone @ _xyz(white))) @ cone


def remap(
    image: np.ndarray, decode: Sequence[Curve], matrix: np.ndarray, encode: Curve
) -> np.ndarray:
    """Pixels through curves to linear light, a matrix, and a curve back; clipped to [0, 1].

    Args:
        image: (H, W, 3) uint8 or uint16. decode: a curve a channel, [0, 1] to linear light.
        matrix: (3, 3), linear to linear. encode: linear light in [0, 1] to [0, 1].

    Returns:
        (H, W, 3) of the same type.
    """
    top = 255 if image.dtype == np.uint8 else 65535
    codes = np.linspace(0, 1, top + 1)
    tables = [curve(codes).astype(np.float32) for curve in decode]
    # Indexed by the square root, so that dark values, where the curve is steep, have entries.
    encoded = to_uint16(encode(np.linspace(0, 1, 65536) ** 2).astype(np.float32))
    encoded = like(encoded, image)
    result = np.empty_like(image)
    rows = max(_STRIP // image.shape[1], 1)
    for first in range(0, image.shape[0], rows):
        part = image[first : first + rows]
        linear = np.stack([table[part[..., i]] for i, table in enumerate(tables)], axis=-1)
        linear = cv2.transform(linear, matrix.astype(np.float32)).clip(0, 1)
        result[first : first + rows] = encoded[(np.sqrt(linear) * 65535 + 0.5).astype(np.uint16)]
    return result


class MatrixProfile:
    """An ICC profile made of three primaries and tone curves, or of one curve (grey).

    Raises ValueError for any other kind (tables), or a broken one.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._tags = _tags(data)
            if b"rXYZ" in self._tags:
                columns = [_xyz_tag(self._tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
                curves = [_curve(self._tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
                self.matrix = np.linalg.inv(_SRGB_D50) @ np.array(columns).T
            else:
                curves = [_curve(self._tags[b"kTRC"])] * 3
                self.matrix = np.eye(3)
        except (KeyError, struct.error, IndexError, np.linalg.LinAlgError):
            raise ValueError("no matrix profile") from None
        self.curves = curves

    @property
    def is_srgb(self) -> bool:
        """Does it give sRGB's own values, within half a code of 8 bits?"""
        codes = np.linspace(0, 1, 64)
        same = np.abs(self.matrix - np.eye(3)).max() < 2e-3
        return same and all(
            np.abs(c(codes) - srgb_to_linear(codes)).max() < 2e-3 for c in self.curves
        )

    def to_srgb(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 or uint16 -> the same in sRGB."""
        return remap(image, self.curves, self.matrix, linear_to_srgb)


def _tags(data: bytes) -> dict[bytes, bytes]:
    count = struct.unpack_from(">I", data, 128)[0]
    if count > 100:
        raise ValueError("no ICC profile")
    found = {}
    for i in range(count):
        name, at, size = struct.unpack_from(">4sII", data, 132 + 12 * i)
        found[name] = data[at : at + size]
    return found


def _xyz_tag(data: bytes) -> list[float]:
    return [value / 65536 for value in struct.unpack_from(">3i", data, 8)]


def _curve(data: bytes) -> Curve:
    """A tone curve of an ICC profile: a table, a power, or a parametric one."""
    if data[:4] == b"curv":
        count = struct.unpack_from(">I", data, 8)[0]
        values = np.frombuffer(data, ">u2", min(count, 65536), 12) if count else np.array([])
        if count == 0:
            return lambda x: x
        if count == 1:
            return power(values[0] / 256)
        table = values / 65535
        return lambda x: np.interp(x, np.linspace(0, 1, len(table)), table)
    if data[:4] != b"para":
        raise ValueError("no tone curve")
    kind = struct.unpack_from(">H", data, 8)[0]
    count = (1, 3, 4, 5, 7)[kind]
    g, *rest = (v / 65536 for v in struct.unpack_from(f">{count}i", data, 12))
    a, b, c, d, e, f = [*rest, *(1, 0, 0, -np.inf, 0, 0)[len(rest) :]]
    if kind == 1 or kind == 2:  # the power above -b/a, a constant below
        e = f = c if kind == 2 else 0.0
        c, d = 0.0, -b / a
    return lambda x: np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)
