"""The decoders by the name that a recipe gives them."""

from __future__ import annotations

from mezzetin.training.decoders.transformer import TransformerDecoder

DECODERS = {"transformer": TransformerDecoder}
