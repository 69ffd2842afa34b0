"""Colours: hex, names, temperatures."""

import numpy as np
import pytest

from relight.errors import InputError
from relight.lights import Color


@pytest.mark.parametrize(
    "text, rgb",
    [
        ("#ffb060", (255, 176, 96)),
        ("#FB6", (255, 187, 102)),
        ("orange", (255, 165, 0)),
        (" RebeccaPurple ", (102, 51, 153)),
    ],
)
def test_hex_and_names(text, rgb):
    assert tuple(round(255 * level) for level in Color.parse(text).rgb) == rgb


def _black_body(kelvin):
    """sRGB 0 to 255 from Planck's law and the CIE 1931 observer, fitted by Wyman et al. (2013)."""
    wave = np.arange(380.0, 781.0)  # nm

    def lobe(peak, middle, below, above):
        width = np.where(wave < middle, below, above)
        return peak * np.exp(-(((wave - middle) / width) ** 2) / 2)

    observer = [
        lobe(1.056, 599.8, 37.9, 31.0) + lobe(0.362, 442.0, 16.0, 26.7)
        - lobe(0.065, 501.1, 20.4, 26.2),
        lobe(0.821, 568.8, 46.9, 40.5) + lobe(0.286, 530.9, 16.3, 31.1),
        lobe(1.217, 437.0, 11.8, 36.0) + lobe(0.681, 459.0, 26.0, 13.8),
    ]  # fmt: skip
    power = wave**-5 / np.expm1(1.4387769e7 / (wave * kelvin))
    to_rgb = [(3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.204, 1.057)]
    linear = np.array(to_rgb) @ [(band * power).sum() for band in observer]
    linear = linear.clip(0) / linear.max()
    return 255 * np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("kelvin", [1900, 2300, 3200, 4500, 5600, 6600, 10000, 20000])
def test_temperatures_are_those_of_a_black_body(kelvin):
    found = [255 * level for level in Color.parse(f"{kelvin}k").rgb]
    assert found == pytest.approx(_black_body(kelvin), abs=5)
    assert max(found) == pytest.approx(255)


@pytest.mark.parametrize("text", ["#ffb060", "3200K", "orange", "#fb6"])
def test_a_colour_is_written_as_it_was_given(text):
    assert str(Color.parse(text)) == text
    assert Color.parse(str(Color.parse(text))) == Color.parse(text)


def test_spellings_are_equal_and_mixtures_are_written_in_hex():
    assert Color.parse("#fff") == Color.parse("white") == Color.parse("#FFFFFF")
    assert str(Color.parse("red").mix(Color.parse("blue"), 0.5)) == "#800080"


def test_light_that_is_too_bright_keeps_its_hue():
    levels = Color.parse("#ff8000").shine(np.array([[0, 0.5, 1, 3]]))
    colour = np.array([1, 128 / 255, 0])
    np.testing.assert_allclose(levels[0], np.outer([0, 0.5, 1, 1], colour), atol=1e-6)
    dim = Color.parse("#804000").shine(np.array([[1, 1.5, 9]]))[0, :, 0]
    np.testing.assert_allclose(dim, [128 / 255, 1.5 * 128 / 255, 1], atol=1e-6)
    assert not Color.parse("black").shine(np.array([[0.0, 9.0]])).any()


@pytest.mark.parametrize(
    "text, message",
    [
        ("blurple", "unknown color 'blurple': use #rrggbb"),
        ("#ffb06", "unknown color '#ffb06'"),
        ("ffb060", "unknown color"),
        ("", "unknown color ''"),
        ("900K", "1667K to 25000K, not 900K"),
        ("30000K", "not 30000K"),
        ("-3K", "unknown color '-3K'"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(InputError, match=message):
        Color.parse(text)
