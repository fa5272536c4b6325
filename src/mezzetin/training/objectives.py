"""What training minimises."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from mezzetin.training.decoders import Decoder
from mezzetin.vocabulary import PAD


def cross_entropy(
    decoder: Decoder,
    features_BPC: Tensor,
    words_BKT: Tensor,
    targets_BKT: Tensor,
    smoothing: float,
) -> Tensor:
    """Label-smoothed cross-entropy (nats a word) under teacher forcing, padding left out.

    Szegedy et al. 2016. The output layer, the widest, sees only the words that count. A decoder may add a term of its
    own, as attention does.
    """
    spoken = targets_BKT != PAD
    hidden, own = decoder.read(words_BKT, decoder.remember(features_BPC), spoken)
    logits = decoder.logits(hidden[spoken])
    loss = F.cross_entropy(logits.float(), targets_BKT[spoken], label_smoothing=smoothing)
    return loss if own is None else loss + own
