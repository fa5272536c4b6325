"""Computer Vision 3.2, asked by Azure's own SDK: what it gets, and what it raises."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

computervision = pytest.importorskip(
    "azure.cognitiveservices.vision.computervision",
    reason="pip install azure-cognitiveservices-vision-computervision",
)
from azure.cognitiveservices.vision.computervision.models import (  # noqa: E402
    ComputerVisionErrorResponseException,
    VisualFeatureTypes,
)
from msrest.authentication import CognitiveServicesCredentials  # noqa: E402

BOTH = [VisualFeatureTypes.description, VisualFeatureTypes.tags]


@pytest.fixture
def client(endpoint: str) -> Iterator[Any]:
    credentials = CognitiveServicesCredentials("0123456789abcdef0123456789abcdef")
    with computervision.ComputerVisionClient(endpoint, credentials) as client:
        client.config.retry_policy.policy.total = 0
        yield client


def check_nothing_is_added(raw: Any) -> None:
    """The SDK's model, written out again, is the answer to the letter."""
    assert raw.output.serialize(keep_readonly=True) == raw.response.json()


def test_the_sdk_gets_a_description(client: Any, photograph: Any) -> None:
    raw = client.describe_image_in_stream(io.BytesIO(photograph(200, 150)), raw=True)
    found = raw.output
    (caption,) = found.captions
    assert caption.text[0].islower() and not caption.text.endswith(".") and 0 < caption.confidence <= 1
    assert found.tags and any(tag in caption.text for tag in found.tags)
    assert (found.metadata.width, found.metadata.height, found.metadata.format) == (200, 150, "Jpeg")
    assert uuid.UUID(found.request_id) == uuid.UUID(raw.response.headers["apim-request-id"])
    assert found.model_version.count("/") == 1
    check_nothing_is_added(raw)


def test_as_many_candidates_as_the_beam_has(client: Any, photograph: Any) -> None:
    found = [
        client.describe_image_in_stream(io.BytesIO(photograph()), max_candidates=count).captions for count in (1, 3, 99)
    ]
    assert [len(captions) for captions in found] == [1, 3, 5]
    shares = [caption.confidence for caption in found[2]]
    assert shares == sorted(shares, reverse=True) and len({caption.text for caption in found[2]}) == 5
    assert found[0][0].text == found[2][0].text


def test_a_picture_by_url(client: Any, photograph: Any, pictures_site: Any) -> None:
    url = pictures_site.put("b.png", photograph(format="PNG"))
    found = client.describe_image(url, description_exclude=["Celebrities"], model_version="2021-04-01")
    assert found.captions and found.metadata.format == "Png"
    assert client.analyze_image(url, BOTH).description.captions[0].text == found.captions[0].text


def test_analyze_gives_what_was_asked_for(client: Any, photograph: Any) -> None:
    def analyse(features: Any) -> Any:
        raw = client.analyze_image_in_stream(io.BytesIO(photograph()), features, raw=True)
        check_nothing_is_added(raw)
        return raw.output

    both, tags, description = analyse(BOTH), analyse(BOTH[1:]), analyse(BOTH[:1])
    assert [tag.name for tag in both.tags] == both.description.tags == [tag.name for tag in tags.tags]
    assert tags.description is None and description.tags is None
    assert description.description.captions == both.description.captions


def raised(call: Any, status: int = 400) -> tuple[str, str | None]:
    with pytest.raises(ComputerVisionErrorResponseException) as caught:
        call()
    refusal: Any = caught.value
    error, body = refusal.error.error, refusal.response.json()["error"]
    assert refusal.response.status_code == status and error.message == body["message"]
    assert refusal.response.headers["x-ms-error-code"] == error.code
    inner = body.get("innererror")
    assert inner is None or inner["message"] == error.message
    return error.code, None if inner is None else inner["code"]


@pytest.mark.parametrize("feature", [name for name in VisualFeatureTypes if name not in BOTH])
def test_what_it_can_not_do_is_a_feature_that_is_not_supported(client: Any, photograph: Any, feature: Any) -> None:
    def analyse() -> None:
        client.analyze_image_in_stream(io.BytesIO(photograph()), [VisualFeatureTypes.tags, feature])

    assert raised(analyse) == ("InvalidRequest", "NotSupportedVisualFeature")


def test_categories_are_what_azure_gives_unasked_and_they_are_not_here(client: Any, photograph: Any) -> None:
    asked = raised(lambda: client.analyze_image_in_stream(io.BytesIO(photograph())))
    assert asked == ("InvalidRequest", "NotSupportedVisualFeature")


def test_pictures_that_are_none_and_sizes_that_do_not_fit(client: Any, photograph: Any) -> None:
    def describe(content: bytes) -> tuple[str, str | None]:
        return raised(lambda: client.describe_image_in_stream(io.BytesIO(content)))

    assert describe(b"no picture") == ("InvalidRequest", "InvalidImageFormat")
    assert describe(photograph(49, 50)) == ("InvalidRequest", "InvalidImageSize")
    assert describe(photograph() + bytes(4 << 20)) == ("InvalidRequest", "InvalidImageSize")
    assert client.describe_image_in_stream(io.BytesIO(photograph(50, 50))).captions


def test_a_picture_by_url_has_the_same_limits(client: Any, photograph: Any, pictures_site: Any) -> None:
    large = pictures_site.put("large.jpg", photograph() + bytes(4 << 20))
    assert raised(lambda: client.describe_image(large)) == ("InvalidRequest", "InvalidImageSize")
    short = pictures_site.put("short.jpg", photograph(50, 49))
    assert raised(lambda: client.describe_image(short)) == ("InvalidRequest", "InvalidImageSize")
    just = pictures_site.put("just.jpg", photograph() + bytes((4 << 20) - len(photograph())))
    assert client.describe_image(just).captions


def test_urls_that_lead_nowhere(client: Any, pictures_site: Any) -> None:
    for url in (f"http://127.0.0.1:{pictures_site.port}/nothing.jpg", "http://10.0.0.1/a.jpg", "ftp://a/b.jpg", "a"):
        assert raised(lambda url=url: client.describe_image(url)) == ("InvalidArgument", "InvalidImageUrl")


def test_arguments_that_are_wrong(client: Any, photograph: Any) -> None:
    def describe(**options: Any) -> tuple[str, str | None]:
        return raised(lambda: client.describe_image_in_stream(io.BytesIO(photograph()), **options))

    assert describe(language="ja") == ("InvalidArgument", "NotSupportedLanguage")
    assert describe(max_candidates=0) == ("InvalidArgument", "BadArgument")
    details = raised(lambda: client.analyze_image_in_stream(io.BytesIO(photograph()), BOTH, details=["Landmarks"]))
    assert details == ("InvalidArgument", "InvalidDetails")


def test_other_operations_are_not_found_in_azure_s_words(client: Any, photograph: Any) -> None:
    assert raised(lambda: client.detect_objects_in_stream(io.BytesIO(photograph())), 404) == ("404", None)
