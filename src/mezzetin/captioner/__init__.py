"""One image, bytes -> Caption, top to bottom: `reading` it, the model's `sight` of it, `describing` it in words.

Enters: a bundle, or its name (`loading`), and pictures. Leaves: captions; for a search also vectors, and how likely
words are of a picture. No torch.
"""

from mezzetin.captioner.describing import BundleCaptioner
from mezzetin.captioner.loading import load_captioner
from mezzetin.captioner.opening import default_options
from mezzetin.captioner.reading import Picture, at_hand

__all__ = ["BundleCaptioner", "Picture", "at_hand", "default_options", "load_captioner"]
