"""Computer Vision 3.2: `POST /vision/v3.2/describe`, and `/analyze` with the features Description and Tags.

The facts of the wire are those of Azure's published description (azure-rest-api-specs, ComputerVision v3.2).
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from starlette.responses import Response

from mezzetin.serving.answers import Limits
from mezzetin.serving.azure_vision.answering import Described, describe_picture
from mezzetin.serving.azure_vision.description import ANALYZE_V32_OPERATION, DESCRIBE_OPERATION, V32_ERRORS
from mezzetin.serving.azure_vision.errors import Rules
from mezzetin.serving.azure_vision.request import JSON, Query
from mezzetin.serving.core import core_of
from mezzetin.serving.problems import Problem

router = APIRouter(tags=["Azure Computer Vision 3.2"])

RULES = Rules(
    Limits(most_bytes=4 << 20, least_side=50),
    wrong_bytes=(400, "InvalidImageSize"),
    wrong_media=(415, "UnsupportedMediaType"),
)
_ANSWERED = {"description": "Description", "tags": "Tags"}
_EXCLUDABLE = {"celebrities": "Celebrities", "landmarks": "Landmarks"}


_CAPTIONED: JsonDict = {
    "tags": ["dog", "grass"],
    "captions": [{"text": "a dog runs through the grass", "confidence": 0.71}],
}
_ABOUT: JsonDict = {
    "requestId": "0f2a7c1e-6d0b-4a43-9a35-4c1f6f6f2b10",
    "metadata": {"height": 480, "width": 640, "format": "Jpeg"},
    "modelVersion": "mezzetin-small/2",
}
_TAGS: JsonDict = {"tags": [{"name": "dog", "confidence": 1.0}, {"name": "grass", "confidence": 0.62}]}


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class ImageCaptionOut(_Out):
    """A caption."""

    text: str
    confidence: float = Field(ge=0, le=1)


class ImageTagOut(_Out):
    """A tag."""

    name: str
    confidence: float = Field(ge=0, le=1)


class DescriptionOut(_Out):
    """The tags' names, and the captions, the surest first."""

    tags: list[str]
    captions: list[ImageCaptionOut]


class ImageFileOut(_Out):
    """How large the picture is, in pixels, and of what format."""

    height: int
    width: int
    format: str


class ImageDescriptionOut(_Out):
    """What `describe` answers."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [{"description": _CAPTIONED, **_ABOUT}]})

    description: DescriptionOut
    requestId: str
    metadata: ImageFileOut
    modelVersion: str


class ImageAnalysisV32Out(_Out):
    """What `analyze` answers; what was not asked for is left out."""

    model_config = ConfigDict(
        frozen=True, json_schema_extra={"examples": [{**_TAGS, "description": _CAPTIONED, **_ABOUT}]}
    )

    tags: list[ImageTagOut] | None = None
    description: DescriptionOut | None = None
    requestId: str
    metadata: ImageFileOut
    modelVersion: str


@router.post(
    "/vision/v3.2/describe",
    response_model=ImageDescriptionOut,
    summary="Azure: describe a picture (3.2)",
    responses=V32_ERRORS,
    openapi_extra=DESCRIBE_OPERATION,
)
async def describe_v32(request: Request) -> Response:
    """Describe one picture as Azure's Computer Vision 3.2 does, in up to `maxCandidates` captions."""
    query = Query(request.query_params)
    candidates = query.count("maxCandidates", 1)
    found = await _described(request, query)
    out = ImageDescriptionOut(
        description=_description(found, candidates),
        requestId=request.state.request_id,
        metadata=_metadata(found),
        modelVersion=found.model_version,
    )
    return Response(out.model_dump_json(), media_type=JSON)


@router.post(
    "/vision/v3.2/analyze",
    response_model=ImageAnalysisV32Out,
    summary="Azure: analyse a picture (3.2)",
    responses=V32_ERRORS,
    openapi_extra=ANALYZE_V32_OPERATION,
)
async def analyze_v32(request: Request) -> Response:
    """Analyse one picture as Azure's Computer Vision 3.2 does, for its Description and its Tags."""
    query = Query(request.query_params)
    features = query.chosen("visualFeatures", _ANSWERED, "NotSupportedVisualFeature")
    if not features:
        # What Azure then answers are its categories.
        raise Problem(400, "NotSupportedVisualFeature", "this server has no categories: ask for Description or Tags")
    if query.text("details") is not None:
        raise Problem(400, "InvalidDetails", "this server knows no celebrities or landmarks: leave details out")
    found = await _described(request, query)
    out = ImageAnalysisV32Out(
        tags=[ImageTagOut(name=tag.name, confidence=tag.confidence) for tag in found.tags]
        if "Tags" in features
        else None,
        description=_description(found, 1) if "Description" in features else None,
        requestId=request.state.request_id,
        metadata=_metadata(found),
        modelVersion=found.model_version,
    )
    return Response(out.model_dump_json(exclude_none=True), media_type=JSON)


async def _described(request: Request, query: Query) -> Described:
    query.check_language(core_of(request).engine.language)
    query.check_model_version()
    # Nothing is left to exclude, for nobody is named here; what is no name of theirs is refused as Azure does.
    query.chosen("descriptionExclude", _EXCLUDABLE, "BadArgument")
    return await describe_picture(request, RULES)


def _description(found: Described, candidates: int) -> DescriptionOut:
    phrases = found.phrases[:candidates]
    return DescriptionOut(
        tags=[tag.name for tag in found.tags],
        captions=[ImageCaptionOut(text=phrase.text, confidence=phrase.confidence) for phrase in phrases],
    )


def _metadata(found: Described) -> ImageFileOut:
    return ImageFileOut(height=found.height, width=found.width, format=found.format)
