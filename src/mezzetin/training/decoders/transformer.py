"""A Transformer decoder over grid features (Vaswani et al. 2017; pre-norm, tied input and output words).

Tensor names carry their shape: B images, K captions an image, T words, P grid positions, C encoder channels,
D width, H heads, S = 2 x layers (keys and values of each layer), V vocabulary.

Two walks over the same weights: `forward` reads whole sentences at once (training), `step` adds one word to a
cached state (inference). What a layer reads of the picture, its keys and values, is computed once by `remember`,
so that a step never projects the picture again, and K beams of one picture read one copy of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mezzetin.training.decoders.decoder import Decoder
from mezzetin.training.dropout import ByteDropout
from mezzetin.training.recipe import DecoderRecipe

MAX_POSITIONS = 64


class Layer(nn.Module):
    """Self-attention over the words, attention over the picture, feed-forward."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_words = nn.LayerNorm(width)
        self.words_qkv = nn.Linear(width, 3 * width)
        self.words_out = nn.Linear(width, width)
        self.norm_picture = nn.LayerNorm(width)
        self.picture_q = nn.Linear(width, width)
        self.picture_kv = nn.Linear(width, 2 * width)
        self.picture_out = nn.Linear(width, width)
        self.norm_feed = nn.LayerNorm(width)
        self.feed_in = nn.Linear(width, feed_forward)
        self.feed_out = nn.Linear(feed_forward, width)
        self.dropout = ByteDropout(dropout)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False) -> Tensor:
        """Multi-head attention over `[N, positions, D]` tensors that are already projected."""
        rows, count, width = query.shape
        q, k, v = (x.reshape(rows, -1, self.heads, width // self.heads).transpose(1, 2) for x in (query, key, value))
        mixed: Tensor = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return mixed.transpose(1, 2).reshape(rows, count, width)

    def look(self, words_BND: Tensor, key_BPD: Tensor, value_BPD: Tensor) -> Tensor:
        """Add what the words (of all captions of an image) find in the picture, then the feed-forward."""
        seen = self.attend(self.picture_q(self.norm_picture(words_BND)), key_BPD, value_BPD)
        words_BND = words_BND + self.dropout(self.picture_out(seen))
        inner = self.dropout(F.gelu(self.feed_in(self.norm_feed(words_BND))))
        out: Tensor = words_BND + self.dropout(self.feed_out(inner))
        return out


class TransformerDecoder(Decoder):
    """See the module. `channels` is C, the width of the encoder's features."""

    def __init__(self, recipe: DecoderRecipe, vocabulary_size: int, channels: int, positions: int) -> None:
        super().__init__()
        width = recipe.width
        self.width, self.layers_count = width, recipe.layers
        self.feature_norm = nn.LayerNorm(channels)
        self.feature_in = nn.Linear(channels, width)
        self.feature_place = nn.Parameter(torch.randn(positions, width) * 0.02)
        self.feature_out = nn.LayerNorm(width)
        self.words = nn.Embedding(vocabulary_size, width)
        self.place = nn.Parameter(torch.randn(MAX_POSITIONS, width) * 0.02)
        own = [Layer(width, recipe.heads, recipe.feed_forward, recipe.dropout) for _ in range(recipe.layers)]
        self.layers = cast(Sequence[Layer], nn.ModuleList(own))
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.dropout = ByteDropout(recipe.dropout)
        nn.init.normal_(self.words.weight, std=width**-0.5)

    @property
    def start_shape(self) -> tuple[int, int, int]:
        """Shape S, T, D of the state before the first word: no words yet."""
        return 2 * self.layers_count, 0, self.width

    def remember(self, features_BPC: Tensor) -> Tensor:
        """Project the picture into every layer's keys and values: `memory_BSPD`."""
        grid = self.feature_in(self.feature_norm(features_BPC)) + self.feature_place
        grid = self.dropout(self.feature_out(grid))
        pairs = [half for layer in self.layers for half in layer.picture_kv(grid).chunk(2, -1)]
        return torch.stack(pairs, 1)

    def forward(self, words_BKT: Tensor, memory_BSPD: Tensor) -> Tensor:
        """Read whole captions; the hidden state `[B, K, T, D]` at each word, before the output layer."""
        images, captions, length = words_BKT.shape
        hidden = self.dropout(self._embed(words_BKT) + self.place[:length])
        for number, layer in enumerate(self.layers):
            q, k, v = layer.words_qkv(layer.norm_words(hidden.flatten(0, 1))).chunk(3, -1)
            mixed = layer.words_out(layer.attend(q, k, v, causal=True))
            hidden = hidden + self.dropout(mixed).view_as(hidden)
            key, value = memory_BSPD[:, 2 * number], memory_BSPD[:, 2 * number + 1]
            hidden = layer.look(hidden.flatten(1, 2), key, value).view(images, captions, length, -1)
        out: Tensor = self.norm(hidden)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every word of the vocabulary with the tied embedding: `[..., D] -> [..., V]`."""
        return F.linear(hidden, self.words.weight, self.bias)

    def step(self, token_BK: Tensor, state_BKSTD: Tensor, memory_BSPD: Tensor) -> tuple[Tensor, Tensor]:
        """Add one word to each of K captions an image.

        Returns the log-probabilities `[B, K, V]` of the next word and the state, one word longer.
        """
        past = state_BKSTD.shape[3]
        hidden = self._embed(token_BK) + self.place[past]
        grown: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            q, k, v = layer.words_qkv(layer.norm_words(hidden)).chunk(3, -1)
            key = torch.cat([state_BKSTD[:, :, 2 * number], k.unsqueeze(2)], 2)
            value = torch.cat([state_BKSTD[:, :, 2 * number + 1], v.unsqueeze(2)], 2)
            grown += [key, value]
            mixed = layer.attend(q.flatten(0, 1).unsqueeze(1), key.flatten(0, 1), value.flatten(0, 1))
            hidden = hidden + layer.words_out(mixed).view_as(hidden)
            hidden = layer.look(hidden, memory_BSPD[:, 2 * number], memory_BSPD[:, 2 * number + 1])
        return F.log_softmax(self.logits(self.norm(hidden)), -1), torch.stack(grown, 2)

    def _embed(self, words: Tensor) -> Tensor:
        vectors: Tensor = self.words(words)
        return vectors * float(self.width**0.5)
