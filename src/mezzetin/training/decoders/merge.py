"""The merge decoder: a recurrent network reads the words alone, and the picture is added to what it read.

Tanti, Gatt and Camilleri 2018, "Where to put the image in an image caption generator". The picture never enters the
recurrent network, so that whole captions are read without it.

Tensor names carry their shape: B images, K captions an image, T words, P grid positions, C encoder channels,
D width, S = 2 x layers (hidden and cell of each layer), V vocabulary.
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
from mezzetin.vocabulary import PAD

GROUPS = 2
"""Parts of a batch that are read one after the other, each as long as its longest caption."""


class MergeDecoder(Decoder):
    """See the module. A grid of features is reduced to its mean."""

    def __init__(self, recipe: DecoderRecipe, vocabulary_size: int, channels: int, positions: int) -> None:
        super().__init__()
        width = recipe.width
        self.width = width
        self.picture = nn.Linear(channels, width)
        self.words = nn.Embedding(vocabulary_size, recipe.embedding)
        own = [
            nn.LSTM(width if number else recipe.embedding, width, batch_first=True) for number in range(recipe.layers)
        ]
        self.layers = cast(Sequence[nn.LSTM], nn.ModuleList(own))
        self.mix = nn.Linear(width, width)
        self.output = nn.Linear(width, vocabulary_size)
        self.dropout = ByteDropout(recipe.dropout)
        nn.init.normal_(self.words.weight, std=recipe.embedding**-0.5)
        for layer in self.layers:
            open_forget_gates(layer.all_weights[0][2])

    @property
    def start_shape(self) -> tuple[int, int]:
        """Shape S, D of the state, which never grows."""
        return 2 * len(self.layers), self.width

    def remember(self, features_BPC: Tensor) -> Tensor:
        """Reduce the picture to one vector: `memory_BD`."""
        return F.relu(self.picture(self.dropout(features_BPC.mean(1))))

    def forward(self, words_BKT: Tensor, memory_BD: Tensor) -> Tensor:
        """Read whole captions; the sum `[B, K, T, D]` of words and picture at each word."""
        words_NT = words_BKT.flatten(0, 1)
        length_N = (words_NT != PAD).sum(1)
        # Half of a batch is padding. Most of it goes when short captions are read apart from long ones; a packed
        # sequence would drop all of it, but torch then reads without its fused kernel, which takes longer.
        order_N = length_N.argsort(stable=True)
        parts = [self._read(words_NT[part_N], int(length_N[part_N[-1]])) for part_N in order_N.chunk(GROUPS)]
        hidden_NTD = torch.cat(parts)[order_N.argsort()]
        return hidden_NTD.view(*words_BKT.shape, self.width) + memory_BD[:, None, None]

    def _read(self, words_NT: Tensor, longest: int) -> Tensor:
        """The recurrent network alone; zeros after the longest caption."""
        read = self.words(words_NT[:, : max(longest, 1)])
        for layer in self.layers:
            read, _ = layer(self.dropout(read))
        return F.pad(read, (0, 0, 0, words_NT.shape[1] - read.shape[1]))

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every word of the vocabulary: `[..., D] -> [..., V]`."""
        scores: Tensor = self.output(F.relu(self.mix(hidden)))
        return scores

    def step(self, token_BK: Tensor, state_BKSD: Tensor, memory_BD: Tensor) -> tuple[Tensor, Tensor]:
        """Add one word to each of K captions an image: the log-probabilities of the next, and the state."""
        images, beams = token_BK.shape
        hidden, changed = self.words(token_BK).flatten(0, 1), []
        for number, layer in enumerate(self.layers):
            old = state_BKSD[:, :, 2 * number].flatten(0, 1), state_BKSD[:, :, 2 * number + 1].flatten(0, 1)
            hidden, cell = torch.lstm_cell(hidden, old, *layer.all_weights[0])
            changed += [hidden, cell]
        mixed = hidden.view(images, beams, -1) + memory_BD[:, None]
        return F.log_softmax(self.logits(mixed), -1), torch.stack(changed, 1).view_as(state_BKSD)


@torch.no_grad()
def open_forget_gates(bias: Tensor) -> None:
    """Let a fresh LSTM, one of whose biases this is, carry on what it read (Jozefowicz et al. 2015)."""
    bias.view(4, -1)[1].fill_(1)
