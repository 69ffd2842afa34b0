"""What users hold as pictures (images, arrays, tensors) -> a form that diffusers reads rightly.

Pictures of every kind are resized in one way, by `resized`. diffusers' own processors would resize
images by Lanczos, and tensors by their nearest neighbours.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from relight.errors import InputError
from relight.lights.image import as_array
from relight.types import Size

Pictures = Image.Image | np.ndarray | Tensor | list[Image.Image] | list[np.ndarray] | list[Tensor]
"""One picture or several: PIL images, arrays (frames, h, w, 3), tensors (frames, 3, h, w)."""

ROUNDING = 1e-3
"""By how much float pictures may leave [0, 1]: resampling overshoots a little."""


def as_pictures(pictures: Pictures) -> list[Image.Image] | Tensor:
    """Pictures in any form -> RGB images, or a tensor (frames, 3, h, w), float32 in [0, 1].

    uint8 arrays and tensors become images: diffusers would read them as if they were in [0, 1].

    Raises:
        InputError: no pictures, another shape or kind, or values outside [0, 1].

    >>> [image] = as_pictures(np.full((2, 4, 3), 255, np.uint8))
    >>> image.size, tuple(as_pictures(np.ones((2, 4, 3))).shape)
    ((4, 2), (1, 3, 2, 4))
    """
    several = pictures if isinstance(pictures, list | tuple) else [pictures]
    images = [picture for picture in several if isinstance(picture, Image.Image)]
    if images and len(images) == len(several):
        return [_rgb(image) for image in images]
    parts = [_frames_first(picture) for picture in several]
    if len({(part.shape[1:], part.dtype) for part in parts}) != 1:
        raise InputError("there are no pictures, or they differ in size or kind")
    pixels = torch.cat(parts)  # (frames, 3, h, w)
    if pixels.dtype == torch.uint8:
        return [Image.fromarray(frame) for frame in pixels.permute(0, 2, 3, 1).cpu().numpy()]
    low, high = pixels.min().item(), pixels.max().item()
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        raise InputError(f"pictures are uint8, or hold values in [0, 1], not {low:g} to {high:g}")
    return pixels.float().clamp(0, 1)


def _rgb(image: Image.Image) -> Image.Image:
    """An image of any mode in 8 bits, which Pillow's own conversion would clip deep grey to."""
    if image.mode.startswith(("I", "F")):
        levels = as_array(image)
        low, high = levels.min(), levels.max()
        if not (low >= -ROUNDING and high <= 1 + ROUNDING):
            raise InputError(f"an image of mode {image.mode} holds {low:g} to {high:g}, not 0 to 1")
        image = Image.fromarray((levels.clip(0, 1) * 255).round().astype(np.uint8))
    return image.convert("RGB")


def as_pixels(pictures: Pictures) -> Tensor:
    """Pictures in any form that `as_pictures` takes -> (frames, 3, h, w), float32 in [0, 1].

    >>> as_pixels(Image.new("RGB", (4, 2), "white")).shape
    torch.Size([1, 3, 2, 4])
    """
    pictures = as_pictures(pictures)
    if isinstance(pictures, Tensor):
        return pictures
    if len({picture.size for picture in pictures}) != 1:
        raise InputError("the pictures of one call must have one size")
    pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
    return pixels.permute(0, 3, 1, 2).float() / 255


def _frames_first(picture: Image.Image | np.ndarray | Tensor) -> Tensor:
    """(frames, h, w, 3) array or (frames, 3, h, w) tensor, frames optional -> (frames, 3, h, w)."""
    if isinstance(picture, np.ndarray):
        shape, form = picture.shape, "an array (frames, h, w, 3)"
        pixels = picture if picture.dtype == np.uint8 else picture.astype(np.float32)
        pixels = torch.from_numpy(np.require(pixels, requirements=["C", "W"]))
        pixels = pixels.movedim(-1, -3) if pixels.ndim >= 3 else pixels
    elif isinstance(picture, Tensor):
        shape, form, pixels = picture.shape, "a tensor (frames, 3, h, w)", picture
    else:
        raise InputError(
            "pictures are PIL images, an array (frames, h, w, 3) or a tensor (frames, 3, h, w), "
            f"not {type(picture).__name__}"
        )
    if pixels.ndim == 3:
        pixels = pixels[None]
    elif pixels.ndim == 5 and len(pixels) == 1:  # a batch of one video
        pixels = pixels[0]
    if pixels.ndim != 4 or pixels.shape[1] != 3 or 0 in pixels.shape:
        raise InputError(f"pictures have shape {tuple(shape)}, not that of {form}")
    return pixels


def picture_size(pictures: list[Image.Image] | Tensor) -> Size:
    """The size of the first of what `as_pictures` returned.

    >>> picture_size([Image.new("RGB", (4, 2))])
    Size(height=2, width=4)
    """
    if isinstance(pictures, Tensor):
        return Size(*pictures.shape[-2:])
    return Size(*pictures[0].size[::-1])


def resized(pictures: list[Image.Image] | Tensor, size: Size) -> list[Image.Image] | Tensor:
    """What `as_pictures` returned, at `size` (height, width), in the same form.

    All kinds are resized by Pillow's Lanczos filter, which is antialiased where they shrink:
    images in 8 bits, tensors in float32, clamped to [0, 1]. Pictures of that size stay as they are.

    >>> grey = torch.full((1, 3, 8, 8), 0.25)
    >>> resized(grey, Size(4, 6)).shape, round(resized(grey, Size(4, 6)).max().item(), 4)
    (torch.Size([1, 3, 4, 6]), 0.25)
    """
    height, width = size
    if not isinstance(pictures, Tensor):
        return [_lanczos(picture, size) for picture in pictures]
    if tuple(pictures.shape[-2:]) == (height, width):
        return pictures
    planes = pictures.cpu().flatten(0, 1).numpy()  # (frames * 3, h, w)
    small = [np.asarray(_lanczos(Image.fromarray(plane), size)) for plane in planes]
    pixels = torch.from_numpy(np.stack(small)).unflatten(0, (-1, 3))
    return pixels.clamp(0, 1).to(pictures.device)


def _lanczos(picture: Image.Image, size: Size) -> Image.Image:
    return picture.resize((size[1], size[0]), Image.Resampling.LANCZOS)
