"""A captioner of the `transformers` library on this machine: BLIP, GIT, Florence-2 and models built like them.

Enters: a JPEG. Leaves: the model's caption, without a confidence. No picture leaves the machine; the weights come from
a folder, from the library's cache or, where `download` allows it, from the network. Only safetensors are read, never
pickles, and no code that comes with a model is run.
"""

from __future__ import annotations

import hashlib
import io
import threading
from typing import Any

from mezzetin.errors import MissingExtra
from mezzetin.external.answers import Answer, Failure, bad_answer
from mezzetin.external.settings import TransformersSettings
from mezzetin.external.wording import one_line
from mezzetin.records import ModelInfo

#: What some kinds of model must be told to caption.
_PROMPTS = {"florence2": "<CAPTION>"}


class LocalModel:
    """A model that is loaded when the first picture comes; threads take turns.

    Raises:
        MissingExtra: `mezzetin[external]` is not installed, or torch is not.

    """

    def __init__(self, name: str, settings: TransformersSettings) -> None:
        try:
            import transformers
        except ImportError as error:
            raise MissingExtra("external", "a model of transformers") from error
        if not transformers.is_torch_available():
            raise MissingExtra("train", "torch, for a model of transformers,")
        self._name, self._settings = name, settings
        self._loaded: tuple[Any, Any] | Failure | None = None
        self._turn = threading.Lock()
        said = f"{settings.model} {settings.revision} {settings.prompt} {settings.beam} {settings.max_tokens}"
        signature = hashlib.sha256(said.encode()).hexdigest()
        self.info = ModelInfo(name, settings.model, signature, "the model's own licence")

    def ask(self, jpeg: bytes, *, seconds: float) -> Answer | Failure:
        """Caption one picture; `seconds` count for services only."""
        with self._turn:
            if self._loaded is None:
                self._loaded = self._load()
            if isinstance(self._loaded, Failure):
                return self._loaded
            return self._caption(*self._loaded, jpeg)

    def close(self) -> None:
        """Let go of the model."""
        with self._turn:
            self._loaded = None

    def _load(self) -> tuple[Any, Any] | Failure:
        import transformers

        library: Any = transformers
        model, settings = self._settings.model, self._settings
        where = {"revision": settings.revision, "trust_remote_code": False, "local_files_only": not settings.download}
        try:
            processor = library.AutoProcessor.from_pretrained(model, **where)
            network = library.AutoModelForImageTextToText.from_pretrained(model, use_safetensors=True, **where)
            network = network.to(settings.device).eval()
        except OSError:
            return self._unusable(
                f"is not at hand: where there is a network run `hf download {model}`, or write its folder as `model`; "
                "weights must be safetensors"
            )
        except ImportError:
            return self._unusable("needs a package that is not installed: pip install 'mezzetin[train,external]'")
        except (ValueError, KeyError, TypeError, RuntimeError, AttributeError):
            # What the library raises for foreign configurations, weights of other shapes and devices without a driver.
            return self._unusable("can't be loaded: check that it captions pictures (BLIP, GIT, Florence-2) and device")
        if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
            return self._unusable("brings no processor of pictures and words: use a model such as BLIP or GIT")
        return processor, network

    def _caption(self, processor: Any, network: Any, jpeg: bytes) -> Answer | Failure:
        from PIL import Image

        prompt = self._settings.prompt or _PROMPTS.get(str(network.config.model_type))
        given = {"images": Image.open(io.BytesIO(jpeg)).convert("RGB"), "return_tensors": "pt"}
        if prompt:
            given["text"] = prompt
        try:
            inputs = processor(**given).to(self._settings.device)
            # One of the two limits must be named: a model's own configuration often holds the other.
            limits = {"max_new_tokens": self._settings.max_tokens, "num_beams": self._settings.beam}
            numbers = network.generate(**inputs, do_sample=False, **limits)
        except (ValueError, TypeError, RuntimeError, IndexError) as error:
            return Failure("unavailable", f"{self._name}: {self._settings.model} failed on it ({type(error).__name__})")
        said = one_line(processor.batch_decode(numbers, skip_special_tokens=True)[0])
        if prompt and said.lower().startswith(prompt.lower()):
            said = said[len(prompt) :].lstrip(" :,.")
        return Answer(said, version=self._settings.model) if said else bad_answer(self._name, "no words")

    def _unusable(self, why: str) -> Failure:
        return Failure("unavailable", f"{self._name}: the model {self._settings.model} {why}", for_all=True)
