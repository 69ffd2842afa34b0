"""HDR video to SDR: PQ and HLG, by the curve of Report ITU-R BT.2390 (EETF).

Pixels to light in nits (SMPTE ST 2084; BT.2100 for HLG, shown at 1000 nits), the curve on the
largest channel so that hues stay, BT.2020 to BT.709, and BT.1886 back. SDR white is 203 nits, HDR's
reference white (BT.2408).
"""

from __future__ import annotations

import cv2
import numpy as np

from relight.media.colour import to_bt709
from relight.media.depth import to_uint16

SDR_NITS = 203.0
USUAL_PEAK_NITS = 1000.0
_M1, _M2 = 2610 / 16384, 2523 / 32
_C1, _C2, _C3 = 3424 / 4096, 2413 / 128, 2392 / 128
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593], np.float32)


def pq_to_nits(x: np.ndarray) -> np.ndarray:
    """PQ code values in [0, 1] to nits.

    >>> round(float(pq_to_nits(np.float64(0.5080784))), 1)
    100.0
    """
    p = np.maximum(x, 0) ** (1 / _M2)
    return 10000 * (np.maximum(p - _C1, 0) / (_C2 - _C3 * p)) ** (1 / _M1)


def nits_to_pq(nits: np.ndarray | np.floating) -> np.ndarray:
    """Nits to PQ code values in [0, 1]."""
    p = (np.maximum(nits, 0) / 10000) ** _M1
    return ((_C1 + _C2 * p) / (1 + _C3 * p)) ** _M2


def hlg_to_scene(x: np.ndarray) -> np.ndarray:
    """HLG code values in [0, 1] to scene light in [0, 1] (BT.2100's inverse OETF)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(x <= 0.5, x * x / 3, (np.exp((np.maximum(x, 0.5) - c) / a) + b) / 12)


def eetf(nits: np.ndarray, peak: float, target: float = SDR_NITS) -> np.ndarray:
    """BT.2390's curve: nits of a display of `peak` on one of `target`; blacks stay.

    >>> [round(float(x), 1) for x in eetf(np.array([0.0, 50.0, 1000.0]), 1000.0)]
    [0.0, 50.0, 203.0]
    """
    top = nits_to_pq(np.float64(peak))
    e = nits_to_pq(np.minimum(nits, peak)) / top
    limit = nits_to_pq(np.float64(target)) / top
    if limit >= 1:
        return nits
    knee = 1.5 * limit - 0.5
    t = (e - knee) / (1 - knee)
    shoulder = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * limit
    )
    return pq_to_nits(np.where(e < knee, e, shoulder) * top)


def tone_mapped(
    image: np.ndarray, kind: str, peak: float = USUAL_PEAK_NITS, primaries: int = 9
) -> np.ndarray:
    """(H, W, 3) uint16, "PQ" or "HLG" encoded -> uint16 SDR BT.709 (BT.1886).

    primaries: a number of `colour.PRIMARIES`; 9 is BT.2020.
    """
    codes = np.linspace(0, 1, 65536)
    table = (pq_to_nits if kind == "PQ" else hlg_to_scene)(codes).astype(np.float32)
    levels = np.linspace(0, 1, 4096) ** 4 * max(peak, SDR_NITS)  # dense near black
    ratio = (eetf(levels, peak) / np.maximum(levels, 1e-6) / SDR_NITS).astype(np.float32)
    ratio[0] = ratio[1]
    encoded = to_uint16((np.linspace(0, 1, 65536) ** (1 / 1.2)).astype(np.float32))
    matrix = to_bt709(primaries).astype(np.float32)
    result = np.empty_like(image)
    rows = max((1 << 20) // image.shape[1], 1)
    for first in range(0, image.shape[0], rows):
        light = table[image[first : first + rows]]
        if kind == "HLG":  # the display's own gamma of 1.2, on luminance
            luma = np.maximum(light @ _LUMA_2020, 1e-6)[..., None]
            light = light * luma**0.2 * USUAL_PEAK_NITS
        top = light.max(axis=-1)
        index = (top / max(peak, SDR_NITS)).clip(0, 1) ** 0.25 * 4095
        light = light * ratio[(index + 0.5).astype(np.uint16)][..., None]
        light = cv2.transform(light.astype(np.float32), matrix).clip(0, 1)
        result[first : first + rows] = encoded[(np.sqrt(light) * 65535 + 0.5).astype(np.uint16)]
    return result
