"""Attributes replaced for a while: methods, values and submodules; the order of leaving."""

import pytest
import torch
from torch import nn

from relight.patching import PatchOrderError, patched


class Thing:
    size = 3

    def __init__(self):
        self.own = "own"


@pytest.mark.parametrize("name", ["size", "own", "missing"])
def test_an_attribute_is_what_it_was_afterwards(name):
    thing = Thing()
    before = dict(vars(thing))
    with patched(thing, name, "new"):
        assert getattr(thing, name) == "new"
        with patched(thing, name, "newer"):
            assert getattr(thing, name) == "newer"
        assert getattr(thing, name) == "new"
    assert vars(thing) == before


def test_an_exception_puts_it_back_and_comes_through():
    thing = Thing()
    with pytest.raises(ValueError, match="boom"), patched(thing, "own", "new"):
        raise ValueError("boom")
    assert vars(thing) == {"own": "own"}


def test_a_submodule_is_hidden_and_not_removed():
    model = nn.Sequential(nn.Linear(2, 2))
    model.head = nn.Linear(2, 1)
    head, keys = model.head, set(model.state_dict())
    with patched(model, "head", lambda x: "patched"):
        assert model.head(0) == "patched" and set(model.state_dict()) == keys
    assert model.head is head


def test_a_patched_forward_is_called():
    layer, x = nn.Linear(2, 2), torch.ones(1, 2)
    stock = layer.forward
    with patched(layer, "forward", lambda x: stock(x) + 1):
        assert torch.equal(layer(x), stock(x) + 1)
    assert "forward" not in vars(layer)


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 2, 0), (1, 0, 2), (0, 1, 2)])
def test_leaving_in_another_order_is_an_error_and_leaves_no_patch(order):
    thing = Thing()
    patches = [patched(thing, "size", number) for number in range(3)]
    for patch in patches:
        patch.__enter__()
    errors = []
    for number in order:
        try:
            patches[number].__exit__(None, None, None)
        except PatchOrderError as error:
            errors.append(str(error))
    assert errors and all("Thing.size" in text and "\n" not in text for text in errors)
    assert thing.size == 3 and vars(thing) == {"own": "own"}


def test_different_attributes_have_no_order():
    thing = Thing()
    one, other = patched(thing, "size", 1), patched(thing, "own", 2)
    one.__enter__(), other.__enter__()
    one.__exit__(None, None, None), other.__exit__(None, None, None)
    assert thing.size == 3 and vars(thing) == {"own": "own"}
