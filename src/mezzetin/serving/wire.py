"""Door 1's JSON: what `POST /score` and `score.py` take and give, with examples for the API's description."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.config import JsonDict

from mezzetin.errors import InputError
from mezzetin.records import Caption, ItemError, ModelInfo
from mezzetin.serving.answers import Answer

_MODEL: JsonDict = {"name": "mezzetin-small", "version": "1", "signature": "7c0e5a", "licence": "research-only"}
_CAPTION: JsonDict = {
    "text": "A dog runs through the grass.",
    "language": "en",
    "confidence": 0.71,
    "alternatives": [{"text": "A brown dog runs through a field.", "log_probability": -7.31}],
    "unlike_training": 0.12,
    "model": _MODEL,
}
_ITEM: JsonDict = {
    "index": 0,
    "image": "https://upload.wikimedia.org/dog.jpg",
    "caption": _CAPTION,
    "external": {"azure_vision": {"caption": None, "error": {"code": "external_timeout", "message": "…"}}},
    "attention": None,
    "format": "jpeg",
    "width": 640,
    "height": 480,
    "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    "error": None,
}
_JOB: JsonDict = {
    "id": "5f0d3c9e8b7a4d6c9e8b7a4d6c5f0d3c",
    "state": "running",
    "created": "2025-11-23T17:25:00+00:00",
    "done": 120,
    "failed": 1,
    "total": 1400,
    "error": None,
    "url": "/jobs/5f0d3c9e8b7a4d6c9e8b7a4d6c5f0d3c",
    "results": "/jobs/5f0d3c9e8b7a4d6c9e8b7a4d6c5f0d3c/results",
}


class _In(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class ImageIn(_In):
    """A picture in the body: its bytes in base64 (RFC 4648; a `data:` URL is taken too), and a name for the answer."""

    base64: str
    id: str | None = Field(None, max_length=1000)

    def content(self) -> bytes | ItemError:
        """The encoded picture."""
        text = self.base64
        if text.startswith("data:"):
            text = text.partition(",")[2]
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return ItemError("bad_base64", "this is no base64: encode the picture's bytes with it")


class ScoreRequest(_In):
    """Pictures to caption: exactly one of `urls`, `sas_uri` and `images`.

    `sas_uri` is a container or folder of Azure Blob storage with its SAS. `external` names the external captioners to
    ask too (default: each that is switched on). `as_job` answers 202 at once, as a long list does by itself.
    `attention` asks where the model looked for each word; a job has none.
    """

    urls: list[str] | None = Field(None, min_length=1, examples=[["https://upload.wikimedia.org/dog.jpg"]])
    sas_uri: str | None = Field(
        None, min_length=1, examples=["https://account.blob.core.windows.net/container/folder?sv=2024-11-04&sig=…"]
    )
    images: list[ImageIn] | None = Field(None, min_length=1)
    gender_neutral: bool = False
    external: list[str] | None = None
    timeout: float | None = Field(None, gt=0, description="Seconds; what is not done by then is an error.")
    as_job: bool = False
    attention: bool = False

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": [name]} for name in ("urls", "sas_uri", "images")],
            "examples": [
                {"urls": ["https://upload.wikimedia.org/dog.jpg"]},
                {"sas_uri": "https://account.blob.core.windows.net/container/folder?sv=2024-11-04&sig=…"},
                {"images": [{"id": "dog", "base64": "/9j/4AAQSkZJRg=="}], "gender_neutral": True},
            ],
        },
    )

    @model_validator(mode="after")
    def _one_kind(self) -> ScoreRequest:
        if sum(given is not None for given in (self.urls, self.sas_uri, self.images)) != 1:
            raise ValueError("give exactly one of urls, sas_uri and images")
        return self


class ErrorOut(_Out):
    """Why there is no result: a stable `code` for programs, a `message` for people."""

    code: str = Field(examples=["undecodable"])
    message: str


class ProblemOut(_Out):
    """The body of every answer that is an error as a whole."""

    error: ErrorOut


class AlternativeOut(_Out):
    """Another caption; `log_probability` is the sum over its words, in nats."""

    text: str
    log_probability: float


class ModelOut(_Out):
    """Who wrote a caption."""

    name: str
    version: str
    signature: str
    licence: str


class CaptionOut(_Out):
    """A caption; `confidence` (calibrated) and `unlike_training` are in 0..1, or null where the model has none."""

    text: str
    language: str
    confidence: float | None
    alternatives: list[AlternativeOut]
    unlike_training: float | None
    model: ModelOut


class ColumnOut(_Out):
    """What an external captioner says: a caption, or an error of its own."""

    caption: CaptionOut | None
    error: ErrorOut | None


class LookOut(_Out):
    """A word as the model said it, the share of its attention (0..1) in each cell, row by row, and where that is."""

    word: str
    weights: list[float]
    place: str = Field(examples=["upper left"])


class AttentionOut(_Out):
    """Where the model looked: grids of `rows` by `columns` cells over the middle of the picture.

    `width` and `height` are the parts (0..1) of the picture that the model saw.
    """

    rows: int
    columns: int
    width: float
    height: float
    words: list[LookOut]


class ItemOut(_Out):
    """One picture, in the place in which it was asked for: our caption or an error, and the external ones."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_ITEM]})

    index: int
    image: str
    caption: CaptionOut | None
    external: dict[str, ColumnOut]
    attention: AttentionOut | None
    format: str | None
    width: int | None
    height: int | None
    sha256: str | None
    error: ErrorOut | None


class ScoreAnswer(_Out):
    """All pictures of a request, in order; `failed` is how many have an error."""

    model_config = ConfigDict(
        frozen=True, json_schema_extra={"examples": [{"results": [_ITEM], "failed": 0, "model": _MODEL}]}
    )

    results: list[ItemOut]
    failed: int
    model: ModelOut


class JobOut(_Out):
    """A job: `state` is queued, running, done or failed; `total` is null until the folder has been listed."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_JOB]})

    id: str = Field(examples=["5f0d3c9e8b7a4d6c9e8b7a4d6c5f0d3c"])
    state: str = Field(examples=["running"])
    created: str = Field(examples=["2025-11-23T17:25:00+00:00"])
    done: int
    failed: int
    total: int | None
    error: ErrorOut | None
    url: str = Field(examples=["/jobs/5f0d3c9e8b7a4d6c9e8b7a4d6c5f0d3c"])
    results: str = Field(examples=["/jobs/5f0d3c9e8b7a4d6c9e8b7a4d6c5f0d3c/results"])


def parse_score(body: bytes) -> ScoreRequest:
    """Read a request's JSON.

    Raises:
        InputError: it is no JSON or not of that form; the text names the place and repeats no value.

    """
    try:
        return ScoreRequest.model_validate_json(body)
    except ValidationError as error:
        raise InputError(explain(error.errors(include_input=False, include_url=False))) from error


def explain(problems: Any) -> str:
    """The first of pydantic's complaints as one line, without the value: it may be a link with its signature."""
    first = problems[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    words = str(first["msg"]).removeprefix("Value error, ")
    words = f"{words[:1].lower()}{words[1:]}".splitlines()[0]
    return f"{place}: {words}" if place else words


def item_out(index: int, image: str, answer: Answer) -> ItemOut:
    """An answer as door 1 gives it; `image` is the picture's name, without secrets."""
    return ItemOut(
        index=index,
        image=image,
        caption=caption_out(answer.caption),
        external={name: column_out(caption) for name, caption in answer.external.items()},
        attention=None if answer.attention is None else AttentionOut.model_validate(answer.attention),
        format=answer.format,
        width=answer.width,
        height=answer.height,
        sha256=answer.sha256,
        error=error_out(answer.error),
    )


def column_out(caption: Caption) -> ColumnOut:
    """An external captioner's caption, or its error."""
    return ColumnOut(caption=caption_out(caption), error=error_out(caption.error))


def caption_out(caption: Caption) -> CaptionOut | None:
    """A caption; None where it is an error."""
    if caption.text is None:
        return None
    return CaptionOut(
        text=caption.text,
        language=caption.language,
        confidence=caption.confidence,
        alternatives=[AlternativeOut.model_validate(other) for other in caption.alternatives],
        unlike_training=caption.unlike_training,
        model=model_out(caption.model),
    )


def model_out(info: ModelInfo) -> ModelOut:
    """Who wrote a caption."""
    return ModelOut.model_validate(info)


def error_out(error: ItemError | None) -> ErrorOut | None:
    """Why there is no caption; None where there is one."""
    return None if error is None else ErrorOut(code=error.code, message=error.message)
