"""A matte network as a file: an ONNX model written by hand, of one convolution and a sigmoid.

The protocol buffer of a graph this small is a few dozen fields, so nothing need be installed.
"""

import struct


def _varint(number):
    out = b""
    while True:
        part, number = number & 127, number >> 7
        out += bytes([part | (128 if number else 0)])
        if not number:
            return out


def _field(number, value):
    """A field of a message: an int, or bytes and text with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _value_info(name, shape):
    dims = b"".join(_field(1, _field(1, size)) for size in shape)
    tensor = _field(1, 1) + _field(2, dims)
    return _field(1, name) + _field(2, _field(1, tensor))


def red_matte(path, side=256):
    """Write a network to `path` whose matte is where a picture is red."""
    weights = struct.pack("<3f", 20, -10, -10)
    weight = _field(1, 1) + _field(1, 3) + _field(1, 1) + _field(1, 1)
    weight += _field(2, 1) + _field(8, "w") + _field(9, weights)
    bias = _field(1, 1) + _field(2, 1) + _field(8, "b") + _field(9, struct.pack("<f", -5))
    conv = (
        b"".join(_field(1, name) for name in ("x", "w", "b")) + _field(2, "y") + _field(4, "Conv")
    )
    sigmoid = _field(1, "y") + _field(2, "m") + _field(4, "Sigmoid")
    graph = (
        _field(1, conv) + _field(1, sigmoid) + _field(2, "g") + _field(5, weight) + _field(5, bias)
    )
    graph += _field(11, _value_info("x", (1, 3, side, side)))
    graph += _field(12, _value_info("m", (1, 1, side, side)))
    model = _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))
    path.write_bytes(model)
    return path
