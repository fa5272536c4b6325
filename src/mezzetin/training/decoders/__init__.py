"""The decoders by the name that a recipe gives them."""

from __future__ import annotations

from mezzetin.training.decoders.attention import AttentionDecoder
from mezzetin.training.decoders.decoder import Decoder
from mezzetin.training.decoders.merge import MergeDecoder
from mezzetin.training.decoders.transformer import TransformerDecoder

__all__ = ["DECODERS", "Decoder"]

DECODERS: dict[str, type[Decoder]] = {
    "transformer": TransformerDecoder,
    "merge": MergeDecoder,
    "attention": AttentionDecoder,
}
