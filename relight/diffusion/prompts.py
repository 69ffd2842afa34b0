"""Prompts of any length for CLIP text encoders, as IC-Light encodes them.

A prompt is cut into pieces of 75 tokens, each wrapped in begin/end tokens and padded with the end
token to the encoder's 77; the pieces' embeddings are joined along the token axis. Nothing is
truncated.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer


def encode_prompts(
    tokenizer: CLIPTokenizer,
    text_encoder: CLIPTextModel,
    prompts: list[str],
    device: torch.device | None = None,
) -> Tensor:
    """Prompts -> (prompts, 77 k, channels), in the encoder's dtype.

    k is the number of pieces of the longest prompt; a shorter one is repeated to that length.
    """
    pieces = [_pieces(tokenizer, prompt) for prompt in prompts]
    most = max(len(p) for p in pieces)
    rows = []
    for own in pieces:
        ids = torch.tensor(own, device=device or text_encoder.device)
        states = text_encoder(ids).last_hidden_state  # (pieces, 77, channels)
        repeated = states.repeat(-(-most // len(own)), 1, 1)[:most]
        rows.append(repeated.flatten(0, 1))
    return torch.stack(rows)


def _pieces(tokenizer: CLIPTokenizer, prompt: str) -> list[list[int]]:
    length = tokenizer.model_max_length
    body = length - 2
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    # Long prompts are cut here on purpose, so the tokenizer's warning would mislead.
    ids = tokenizer(prompt, truncation=False, add_special_tokens=False, verbose=False)["input_ids"]
    cuts = [ids[i : i + body] for i in range(0, len(ids), body)] or [[]]
    return [[begin, *cut, end] + [end] * (body - len(cut)) for cut in cuts]
