"""Soft attention: before each word the decoder chooses anew where in the picture it looks.

Xu et al. 2015, "Show, Attend and Tell", section 4.2, with the gate, the deep output layer and the doubly stochastic
term; the features are first projected to the decoder's width.

Tensor names carry their shape: B images, K captions an image, T words, P grid positions, C encoder channels,
D width, E width of a word's vector, V vocabulary.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mezzetin.training.decoders.decoder import Decoder
from mezzetin.training.decoders.merge import open_forget_gates
from mezzetin.training.dropout import ByteDropout
from mezzetin.training.recipe import DecoderRecipe


class Look(NamedTuple):
    """One word further: what was said to `logits`, where it looked, and the recurrent network after it."""

    said_BKE: Tensor
    attention_BKP: Tensor
    hidden_BKD: Tensor
    cell_BKD: Tensor


class AttentionDecoder(Decoder):
    """See the module.

    The memory `[B, 2, P + 1, D]` holds values and keys of the grid and, behind them, the first hidden and cell. A
    state holds the difference from those two, so that zeros are the start of every picture.
    """

    attends: ClassVar[bool] = True

    def __init__(self, recipe: DecoderRecipe, vocabulary_size: int, channels: int, positions: int) -> None:
        super().__init__()
        width, embedding = recipe.width, recipe.embedding
        self.width, self.doubly_stochastic = width, recipe.doubly_stochastic
        self.feature_norm = nn.LayerNorm(channels)
        self.feature_in = nn.Linear(channels, width)
        self.begin = nn.Linear(width, 2 * width)
        self.key = nn.Linear(width, width)
        self.query = nn.Linear(width, width)
        self.score = nn.Linear(width, 1, bias=False)
        self.gate = nn.Linear(width, 1)
        self.words = nn.Embedding(vocabulary_size, embedding)
        self.cell = nn.LSTMCell(embedding + width, width)
        self.say_hidden = nn.Linear(width, embedding)
        self.say_seen = nn.Linear(width, embedding, bias=False)
        self.output = nn.Linear(embedding, vocabulary_size)
        self.dropout = ByteDropout(recipe.dropout)
        nn.init.normal_(self.words.weight, std=embedding**-0.5)
        open_forget_gates(self.cell.bias_ih)

    @property
    def start_shape(self) -> tuple[int, int]:
        """Shape 2, D of the state: hidden and cell."""
        return 2, self.width

    def remember(self, features_BPC: Tensor) -> Tensor:
        """Project the picture: `memory_B2QD` with Q = P + 1, see the class."""
        values_BPD = F.relu(self.feature_in(self.feature_norm(features_BPC)))
        begin_B2D = torch.tanh(self.begin(values_BPD.mean(1))).view(-1, 2, self.width)
        pair_B2PD = torch.stack([values_BPD, self.key(values_BPD)], 1)
        return torch.cat([pair_B2PD, begin_B2D.unsqueeze(2)], 2)

    def forward(self, words_BKT: Tensor, memory_B2QD: Tensor) -> Tensor:
        """Read whole captions; the deep output `[B, K, T, E]` at each word."""
        return self._walk(words_BKT, memory_B2QD)[0]

    def read(self, words_BKT: Tensor, memory_B2QD: Tensor, spoken_BKT: Tensor) -> tuple[Tensor, Tensor]:
        """Also ask that the words of a caption together look at every position about once (equation 14)."""
        said_BKTE, attention_BKTP = self._walk(words_BKT, memory_B2QD)
        looked_BKP = (attention_BKTP * spoken_BKT.unsqueeze(-1)).sum(2)
        # Rows of padding are no captions.
        return said_BKTE, self.doubly_stochastic * (1 - looked_BKP)[spoken_BKT.any(2)].square().mean()

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every word of the vocabulary: `[..., E] -> [..., V]`."""
        scores: Tensor = self.output(hidden)
        return scores

    def step(self, token_BK: Tensor, state_BK2D: Tensor, memory_B2QD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Add one word to each of K captions an image: log-probabilities, state, and where it looked `[B, K, P]`."""
        begin_B12D = memory_B2QD[:, :, -1].unsqueeze(1)
        hidden_BKD, cell_BKD = (state_BK2D + begin_B12D).unbind(2)
        look = self._look(self.words(token_BK), hidden_BKD, cell_BKD, memory_B2QD)
        state_BK2D = torch.stack([look.hidden_BKD, look.cell_BKD], 2) - begin_B12D
        return F.log_softmax(self.logits(look.said_BKE), -1), state_BK2D, look.attention_BKP

    def _walk(self, words_BKT: Tensor, memory_B2QD: Tensor) -> tuple[Tensor, Tensor]:
        captions = words_BKT.shape[1]
        begin_BK2D = memory_B2QD[:, :, -1].unsqueeze(1).expand(-1, captions, -1, -1)
        hidden_BKD, cell_BKD = begin_BK2D.unbind(2)
        looks = []
        for word_BKE in self.dropout(self.words(words_BKT)).unbind(2):
            looks.append(self._look(word_BKE, hidden_BKD, cell_BKD, memory_B2QD))
            hidden_BKD, cell_BKD = looks[-1].hidden_BKD, looks[-1].cell_BKD
        said = torch.stack([look.said_BKE for look in looks], 2)
        return self.dropout(said), torch.stack([look.attention_BKP for look in looks], 2)

    def _look(self, word_BKE: Tensor, hidden_BKD: Tensor, cell_BKD: Tensor, memory_B2QD: Tensor) -> Look:
        values_BPD, keys_BPD = memory_B2QD[:, 0, :-1], memory_B2QD[:, 1, :-1]
        mixed_BKPD = torch.tanh(keys_BPD.unsqueeze(1) + self.query(hidden_BKD).unsqueeze(2))
        attention_BKP = torch.softmax(self.score(mixed_BKPD).squeeze(-1), -1)
        seen_BKD = torch.sigmoid(self.gate(hidden_BKD)) * (attention_BKP @ values_BPD)
        old = hidden_BKD.flatten(0, 1), cell_BKD.flatten(0, 1)
        hidden, cell = self.cell(torch.cat([word_BKE, seen_BKD], -1).flatten(0, 1), old)
        hidden_BKD, cell_BKD = hidden.view_as(hidden_BKD), cell.view_as(cell_BKD)
        said_BKE = torch.tanh(word_BKE + self.say_hidden(hidden_BKD) + self.say_seen(seen_BKD))
        return Look(said_BKE, attention_BKP, hidden_BKD, cell_BKD)
