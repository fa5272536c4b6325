"""Image Analysis 4.0, asked by Azure's own SDK: what it gets, and what it raises."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mezzetin.scenes import draw_scenes
from mezzetin.serving.app import create_app
from mezzetin.serving.keys import add_key
from mezzetin.serving.settings import ServeSettings

imageanalysis = pytest.importorskip("azure.ai.vision.imageanalysis", reason="pip install mezzetin[azure]")
from azure.ai.vision.imageanalysis.models import VisualFeatures  # noqa: E402
from azure.core.credentials import AzureKeyCredential  # noqa: E402
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError  # noqa: E402

PAGE = Path(__file__).parents[3] / "docs" / "azure-api.md"
ANSWERED = [VisualFeatures.CAPTION, VisualFeatures.DENSE_CAPTIONS, VisualFeatures.TAGS]
GENDERED = {"man", "men", "woman", "women", "boy", "boys", "girl", "girls"}
KEY = AzureKeyCredential("0123456789abcdef0123456789abcdef")


def new_client(endpoint: str, **options: Any) -> Any:
    return imageanalysis.ImageAnalysisClient(endpoint, KEY, retry_total=0, **options)


@pytest.fixture
def client(endpoint: str) -> Iterator[Any]:
    with new_client(endpoint) as client:
        yield client


def unknown_properties(model: Any) -> list[str]:
    """What an answer holds that the SDK's models do not know, at any depth."""
    known = {field._rest_name: name for name, field in type(model)._attr_to_rest_field.items()}
    found = [key for key in model if key not in known]
    for key in model.keys() & known.keys():
        value = getattr(model, known[key])
        for part in value if isinstance(value, list) else [value]:
            found += unknown_properties(part) if hasattr(part, "_attr_to_rest_field") else []
    return found


def test_the_sdk_gets_a_caption_a_dense_caption_of_the_whole_and_tags(client: Any, photograph: Any) -> None:
    result = client.analyze(photograph(200, 150), ANSWERED)
    text = result.caption.text
    assert text and text == text.strip() and text[0].islower() and not text.endswith(".")
    assert 0 < result.caption.confidence <= 1
    (dense,) = result.dense_captions.list
    box = dense.bounding_box
    assert (dense.text, dense.confidence) == (text, result.caption.confidence)
    assert (box.x, box.y, box.width, box.height) == (0, 0, 200, 150)
    assert (result.metadata.width, result.metadata.height) == (200, 150)
    shares = [tag.confidence for tag in result.tags.list]
    assert shares and shares == sorted(shares, reverse=True) and all(0 < share <= 1 for share in shares)
    assert any(tag.name in text for tag in result.tags.list)
    assert result.model_version.count("/") == 1
    assert unknown_properties(result) == []


def test_what_was_not_asked_for_is_left_out(client: Any, photograph: Any) -> None:
    result = client.analyze(photograph(), [VisualFeatures.TAGS])
    assert sorted(result) == ["metadata", "modelVersion", "tagsResult"]
    assert result.caption is None and result.dense_captions is None


def test_a_picture_by_url_is_the_same_picture(client: Any, photograph: Any, pictures_site: Any) -> None:
    picture = photograph(seed=1)
    url = pictures_site.put("one.jpg", picture)
    assert client.analyze_from_url(url, ANSWERED) == client.analyze(picture, ANSWERED)


def test_the_asynchronous_client_too(endpoint: str, photograph: Any, pictures_site: Any) -> None:
    pytest.importorskip("aiohttp", reason="pip install aiohttp")
    from azure.ai.vision.imageanalysis.aio import ImageAnalysisClient

    async def ask() -> tuple[str, str]:
        async with ImageAnalysisClient(endpoint, KEY, retry_total=0) as client:
            by_bytes: Any = await client.analyze(photograph(), [VisualFeatures.CAPTION])
            by_url: Any = await client.analyze_from_url(
                pictures_site.put("a.jpg", photograph()), [VisualFeatures.CAPTION]
            )
            return by_bytes.caption.text, by_url.caption.text

    first, second = asyncio.run(ask())
    assert first == second != ""


@pytest.mark.parametrize("version", ["2023-10-01", "2024-02-01"])
def test_every_option_of_the_sdk_is_understood(endpoint: str, photograph: Any, version: str) -> None:
    with new_client(endpoint, api_version=version) as client:
        result = client.analyze(
            photograph(),
            ANSWERED,
            language="en",
            gender_neutral_caption=True,
            smart_crops_aspect_ratios=[0.9, 1.33],
            model_version="2023-10-01",
        )
    words = result.caption.text.split()
    assert not {"man", "woman", "boy", "girl", "his", "her"} & set(words)
    assert not {"man", "woman", "boy", "girl"} & {tag.name for tag in result.tags.list}


def test_gender_neutral_captions_differ_where_somebody_is_named(client: Any, tmp_path: Path) -> None:
    draw_scenes(tmp_path, count=8, seed=3)

    def said(path: Path, neutral: bool) -> str:
        picture = path.read_bytes()
        return str(client.analyze(picture, [VisualFeatures.CAPTION], gender_neutral_caption=neutral).caption.text)

    pairs = [(said(path, False), said(path, True)) for path in sorted(tmp_path.rglob("*.jpg"))]
    gendered = [pair for pair in pairs if GENDERED & {*pair[0].split()}]
    assert gendered and all(not GENDERED & {*neutral.split()} for _, neutral in gendered)


def test_an_endpoint_that_ends_in_a_slash(endpoint: str, photograph: Any) -> None:
    with new_client(endpoint + "/") as client:
        result = client.analyze(photograph(), [VisualFeatures.CAPTION])
    assert result.caption.text


def raised(call: Any) -> tuple[int, str, str | None]:
    with pytest.raises(HttpResponseError) as caught:
        call()
    error: Any = caught.value
    assert error.error is not None and error.error.message in error.message
    assert error.response.headers["x-ms-error-code"] == error.error.code
    assert error.response.headers["apim-request-id"] == error.response.headers["x-ms-request-id"]
    return error.status_code, error.error.code, (error.error.innererror or {}).get("code")


@pytest.mark.parametrize(
    "feature", [VisualFeatures.READ, VisualFeatures.OBJECTS, VisualFeatures.PEOPLE, VisualFeatures.SMART_CROPS]
)
def test_what_it_can_not_do_is_a_feature_that_is_not_supported(client: Any, photograph: Any, feature: Any) -> None:
    asked = raised(lambda: client.analyze(photograph(), [VisualFeatures.CAPTION, feature]))
    assert asked == (400, "InvalidRequest", "NotSupportedVisualFeature")


def test_pictures_that_are_none_and_sizes_that_do_not_fit(client: Any, photograph: Any) -> None:
    def analyse(content: bytes) -> tuple[int, str, str | None]:
        return raised(lambda: client.analyze(content, [VisualFeatures.CAPTION]))

    assert analyse(b"no picture at all") == (400, "InvalidRequest", "InvalidImageFormat")
    assert analyse(photograph()[:700]) == (400, "InvalidRequest", "InvalidImageFormat")
    assert analyse(b"") == (400, "InvalidRequest", None)
    assert analyse(bytes(21 << 20)) == (400, "InvalidRequest", None)
    assert analyse(photograph(49, 60)) == (400, "InvalidRequest", "InvalidImageSize")
    assert analyse(photograph(16_001, 50, "PNG")) == (400, "InvalidRequest", "InvalidImageSize")
    assert client.analyze(photograph(50, 50), [VisualFeatures.CAPTION]).metadata.width == 50


def test_urls_that_lead_nowhere(client: Any, pictures_site: Any) -> None:
    def analyse(url: str) -> tuple[int, str, str | None]:
        return raised(lambda: client.analyze_from_url(url, [VisualFeatures.CAPTION]))

    nowhere = (400, "InvalidRequest", "InvalidImageUrl")
    assert analyse(f"http://127.0.0.1:{pictures_site.port}/nothing.jpg") == nowhere
    assert analyse("http://169.254.169.254/latest/meta-data") == nowhere
    assert analyse("file:///etc/passwd") == nowhere
    assert analyse("no url") == nowhere
    assert analyse(pictures_site.put("text.jpg", b"no picture")) == (400, "InvalidRequest", "InvalidImageFormat")


def test_arguments_that_are_wrong(client: Any, photograph: Any) -> None:
    def analyse(**options: Any) -> tuple[int, str, str | None]:
        return raised(lambda: client.analyze(photograph(), [VisualFeatures.CAPTION], **options))

    assert analyse(language="fr") == (400, "InvalidRequest", "NotSupportedLanguage")
    assert analyse(model_version="newest") == (400, "InvalidRequest", "BadArgument")
    assert analyse(smart_crops_aspect_ratios=[0.1]) == (400, "InvalidRequest", "BadArgument")
    assert raised(lambda: client.analyze(photograph(), [])) == (400, "InvalidRequest", None)


def test_an_api_version_that_is_not_spoken_is_not_found(endpoint: str, photograph: Any) -> None:
    with (
        new_client(endpoint, api_version="2023-02-01-preview") as client,
        pytest.raises(ResourceNotFoundError) as caught,
    ):
        client.analyze(photograph(), [VisualFeatures.CAPTION])
    assert caught.value.error is not None and caught.value.error.code == "404"


@pytest.mark.parametrize(
    ("query", "status", "code", "inner"),
    [
        ("features=caption", 404, "404", None),
        ("api-version=2023-10-01&model-name=mine", 404, "404", None),
        ("api-version=2023-10-01", 400, "InvalidRequest", None),
        ("api-version=2023-10-01&features=caption,", 400, "InvalidRequest", "NotSupportedVisualFeature"),
        ("api-version=2023-10-01&features=caption&gender-neutral-caption=1", 400, "InvalidRequest", "BadArgument"),
        ("api-version=2023-10-01&Features=Caption&features=TAGS&language=EN-gb", 200, None, None),
    ],
)
def test_queries(endpoint: str, photograph: Any, query: str, status: int, code: str | None, inner: str | None) -> None:
    address = f"{endpoint}/computervision/imageanalysis:analyze?{query}"
    answer = httpx2.post(address, content=photograph(), headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == status
    error = answer.json().get("error", {})
    assert (error.get("code"), error.get("innererror", {}).get("code")) == (code, inner)


def test_our_own_client_of_azure_can_be_pointed_here(endpoint: str, photograph: Any) -> None:
    from mezzetin.external import external_captioner

    table = {"endpoint": endpoint, "credential": "none", "timeout": 60}
    with external_captioner("azure_vision", {"azure_vision": table}) as captioner:
        (row,) = captioner.caption([photograph()])
    assert row.error is None and row.text and row.confidence is not None and "/" in row.model.version


def test_a_key_of_ours_goes_where_azure_s_goes(bundle_path: Path, tmp_path: Path, photograph: Any, listen: Any) -> None:
    key = add_key("museum", tmp_path / "keys.json")
    settings = ServeSettings(
        model=str(bundle_path), jobs=tmp_path / "jobs", decoders=1, threads=1, keys_file=tmp_path / "keys.json"
    )
    with listen(create_app(settings)) as endpoint:
        with new_client(endpoint + "/") as client, pytest.raises(ClientAuthenticationError) as caught:
            client.analyze(photograph(), [VisualFeatures.CAPTION])
        refused: Any = caught.value
        assert (refused.status_code, refused.error.code) == (401, "401") and KEY.key not in str(refused)
        with imageanalysis.ImageAnalysisClient(endpoint + "/", AzureKeyCredential(key), retry_total=0) as client:
            result: Any = client.analyze(photograph(), [VisualFeatures.CAPTION])
    assert result.caption.text


def test_the_documented_programs_run(
    endpoint: str, photograph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("azure.cognitiveservices.vision.computervision", reason="its package is not installed")
    monkeypatch.chdir(tmp_path)
    Path("dog.jpg").write_bytes(photograph())
    programs = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for program in programs:
        exec(compile(program.replace("http://127.0.0.1:8000", endpoint), str(PAGE), "exec"), {})  # noqa: S102 - ours
        assert len(capsys.readouterr().out.split()) >= 3
    assert len(programs) == 2
