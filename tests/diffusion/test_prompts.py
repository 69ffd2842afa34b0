"""Prompts of any length, against token ids built by hand."""

import pytest
import torch

from relight.diffusion.prompts import encode_prompts


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


@pytest.fixture
def encode(sd15):
    return lambda *prompts: encode_prompts(sd15["tokenizer"], sd15["text_encoder"], list(prompts))


@pytest.fixture
def by_hand(sd15):
    """by_hand(ids): the states of a row of token ids, 75 at a time, wrapped and padded."""
    tokenizer, encoder = sd15["tokenizer"], sd15["text_encoder"]
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id

    def states(ids):
        rows = []
        for start in range(0, max(len(ids), 1), 75):
            row = [begin, *ids[start : start + 75], end]
            rows.append(encoder(torch.tensor([row + [end] * (77 - len(row))])).last_hidden_state)
        return torch.cat(rows, dim=1)[0]

    return states


def _ids(tokenizer, prompt):
    return tokenizer(prompt, add_special_tokens=False).input_ids


@pytest.mark.parametrize(
    "prompt", ["", "a bear", "a bear,\nred light\r\n", "a bear 🐻 in the snow ❄️", "日本", "a" * 200]
)
def test_a_prompt_equals_the_ids_built_by_hand(encode, by_hand, sd15, prompt):
    states, ids = encode(prompt), _ids(sd15["tokenizer"], prompt)
    assert states.shape == (1, 77 * -(-max(len(ids), 1) // 75), 16)
    torch.testing.assert_close(states[0], by_hand(ids))


@pytest.mark.parametrize("tokens, pieces", [(74, 1), (75, 1), (76, 2), (150, 2), (151, 3)])
def test_a_piece_holds_75_tokens(encode, by_hand, sd15, tokens, pieces):
    prompt = "x " * tokens
    ids = _ids(sd15["tokenizer"], prompt)
    assert len(ids) == tokens
    states = encode(prompt)
    assert states.shape[1] == 77 * pieces
    torch.testing.assert_close(states[0], by_hand(ids))


def test_the_last_word_of_a_long_prompt_counts(encode):
    long = "a very long prompt " * 30
    left, right = encode(long + "left"), encode(long + "right")
    assert left.shape == right.shape and left.shape[1] > 154
    torch.testing.assert_close(left[:, :154], right[:, :154])
    assert not torch.equal(left, right)


def test_the_shorter_prompt_is_repeated(encode):
    long, short = "a long prompt " * 40, "short"
    both, alone = encode(short, long), encode(short)
    pieces = both.shape[1] // 77
    assert pieces >= 3
    torch.testing.assert_close(both[0], alone[0].repeat(pieces, 1))
    torch.testing.assert_close(both[1], encode(long)[0])


def test_a_repeated_prompt_of_several_pieces_is_cut_to_the_length(encode):
    two, three = "cat " * 40, "cat " * 70
    while encode(two).shape[1] < 154:
        two += "cat "
    while encode(three).shape[1] < 231:
        three += "cat "
    both, alone = encode(two, three), encode(two)
    assert alone.shape[1] == 154 and both.shape[1] == 231
    torch.testing.assert_close(both[0], torch.cat([alone[0], alone[0, :77]]))


def test_equal_texts_give_equal_rows_and_different_ones_do_not(encode):
    a, b, c = encode("left", "left", "right")
    assert torch.equal(a, b) and not torch.equal(a, c)
