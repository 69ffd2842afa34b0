"""The tokenizer (byte-level BPE over the caption grammar) and the text encoder."""

from __future__ import annotations

import json
import pydoc
import re
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .moods import corpus

START, END = "<|startoftext|>", "<|endoftext|>"
SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
PLAIN_ENGLISH = ("argparse", "logging", "pathlib", "statistics", "unittest", "zipfile", "turtle")


def known_words() -> str:
    """The words of all captions, one a line: what the catalogue says the model knows."""
    found = {word for line in corpus() for word in re.findall("[a-z]+", line.lower())}
    return "\n".join(sorted(found)) + "\n"


def build_tokenizer(folder: Path, size: int = 1850) -> CLIPTokenizer:
    """Learn merges from the grammar and some plain English; save them in CLIP's layout."""
    lines = corpus()
    for module in PLAIN_ENGLISH:  # gives common letter groups to words nobody trained on
        lines += pydoc.render_doc(module, renderer=pydoc.plaintext).splitlines()
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=None))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=letters, end_of_word_suffix="</w>", show_progress=False
    )
    tokenizer.train_from_iterator(lines, trainer)
    state = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in state["merges"]]
    tokens = letters + [letter + "</w>" for letter in letters]
    tokens += ["".join(pair) for pair in merges]
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    vocab[START], vocab[END] = len(vocab), len(vocab) + 1
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    text = "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n"
    (folder / "merges.txt").write_text(text)
    made = CLIPTokenizer(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=77,
    )
    made.save_pretrained(folder)
    return made


def build_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A two-layer CLIP text model of width 96."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=96,
            intermediate_size=192,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=77,
            hidden_act="gelu",
            projection_dim=96,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,
        )
    )


def tokens(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """(B, 77) ids, padded with the end token as the relight pipeline does."""
    return tokenizer(
        captions, padding="max_length", truncation=True, max_length=77, return_tensors="pt"
    ).input_ids


def without_captions(ids: torch.Tensor, drop: torch.Tensor, blanks: torch.Tensor) -> torch.Tensor:
    """`ids` (B, 77) with one of the two `blanks`, seven in ten the second, where `drop` says so."""
    blank = blanks[(torch.rand(len(ids)) < 0.7).long()]
    return torch.where(drop[:, None], blank, ids)
