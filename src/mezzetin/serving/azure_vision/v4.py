"""Image Analysis 4.0: `POST /computervision/imageanalysis:analyze`, api-versions 2023-10-01 and 2024-02-01.

Answered are `caption`, `tags` and `denseCaptions`, of which there is one, for the whole picture. The facts of the wire
are those of Azure's published description (azure-rest-api-specs, ImageAnalysis 2023-10-01).
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from mezzetin.serving.answers import Limits
from mezzetin.serving.azure_vision.answering import Described, describe_picture
from mezzetin.serving.azure_vision.description import V4_ERRORS, V4_OPERATION
from mezzetin.serving.azure_vision.errors import Rules
from mezzetin.serving.azure_vision.request import JSON, Query
from mezzetin.serving.core import core_of
from mezzetin.serving.problems import Problem

router = APIRouter(tags=["Azure Image Analysis 4.0"])

RULES = Rules(
    Limits(most_bytes=20 << 20, least_side=50, most_side=16_000),
    wrong_bytes=(400, "InvalidRequest"),
    wrong_media=(400, "InvalidRequest"),
)
_VERSIONS = ("2023-10-01", "2024-02-01")
_ANSWERED = {"caption": "caption", "tags": "tags", "densecaptions": "denseCaptions"}
_ASPECTS = (0.75, 1.8)


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class BoundingBoxOut(_Out):
    """A part of the picture, in pixels."""

    x: int
    y: int
    w: int
    h: int


class PhraseOut(_Out):
    """A caption of the whole picture."""

    text: str
    confidence: float = Field(ge=0, le=1)


class DenseCaptionOut(PhraseOut):
    """A caption of a part."""

    boundingBox: BoundingBoxOut


class DenseCaptionsOut(_Out):
    """The captions of the parts."""

    values: list[DenseCaptionOut]


class ImageSizeOut(_Out):
    """How large the picture is, in pixels."""

    width: int
    height: int


class NamedOut(_Out):
    """A tag."""

    name: str
    confidence: float = Field(ge=0, le=1)


class TagsOut(_Out):
    """The tags, the surest first."""

    values: list[NamedOut]


class ImageAnalysisOut(_Out):
    """What 4.0 answers; what was not asked for is left out."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "modelVersion": "mezzetin-small/2",
                    "captionResult": {"text": "a dog runs through the grass", "confidence": 0.71},
                    "metadata": {"width": 640, "height": 480},
                    "tagsResult": {
                        "values": [{"name": "dog", "confidence": 1.0}, {"name": "grass", "confidence": 0.62}]
                    },
                }
            ]
        },
    )

    modelVersion: str
    captionResult: PhraseOut | None = None
    denseCaptionsResult: DenseCaptionsOut | None = None
    metadata: ImageSizeOut
    tagsResult: TagsOut | None = None


@router.post(
    "/computervision/imageanalysis:analyze",
    response_model=ImageAnalysisOut,
    summary="Azure: analyse a picture (4.0)",
    responses=V4_ERRORS,
    openapi_extra=V4_OPERATION,
)
async def analyze_v4(request: Request) -> Response:
    """Analyse one picture as Azure's Image Analysis 4.0 does: its bytes as they are or in a form, or its URL."""
    query = Query(request.query_params)
    features = _features(query)
    query.check_language(core_of(request).engine.language)
    query.check_model_version()
    _check_aspects(query)
    found = await describe_picture(request, RULES, neutral=query.flag("gender-neutral-caption"))
    return Response(_out(found, features).model_dump_json(exclude_none=True), media_type=JSON)


def _features(query: Query) -> list[str]:
    """What is asked for; what Azure's gateway or its router would not find comes first, as it does there."""
    version = query.text("api-version")
    if version not in _VERSIONS:
        given = "there is no such api-version here" if version else "the request names no api-version"
        raise Problem(404, "404", f"{given}: ask for {' or '.join(_VERSIONS)}")
    if query.text("model-name") is not None:
        raise Problem(404, "404", "this server has no custom models: leave model-name out and name features")
    features = query.chosen("features", _ANSWERED, "NotSupportedVisualFeature")
    if not features:
        raise Problem(400, "InvalidRequest", "the request names no features: ask for caption, tags or denseCaptions")
    return features


def _check_aspects(query: Query) -> None:
    """They belong to smart crops, which are refused; what Azure would refuse of them is refused all the same."""
    low, high = _ASPECTS
    for part in query.listed("smartcrops-aspect-ratios"):
        try:
            allowed = low <= float(part) <= high
        except ValueError:
            allowed = False
        if not allowed:
            raise Problem(400, "BadArgument", f"smartcrops-aspect-ratios are numbers from {low} to {high}")


def _out(found: Described, features: list[str]) -> ImageAnalysisOut:
    best = found.phrases[0]
    whole = BoundingBoxOut(x=0, y=0, w=found.width, h=found.height)
    caption = PhraseOut(text=best.text, confidence=best.confidence)
    dense = DenseCaptionsOut(values=[DenseCaptionOut(text=best.text, confidence=best.confidence, boundingBox=whole)])
    tags = TagsOut(values=[NamedOut(name=tag.name, confidence=tag.confidence) for tag in found.tags])
    return ImageAnalysisOut(
        modelVersion=found.model_version,
        captionResult=caption if "caption" in features else None,
        denseCaptionsResult=dense if "denseCaptions" in features else None,
        metadata=ImageSizeOut(width=found.width, height=found.height),
        tagsResult=tags if "tags" in features else None,
    )
