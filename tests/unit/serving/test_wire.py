"""Door 1's JSON: what is refused and how, and what an answer looks like."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.errors import InputError
from mezzetin.records import Alternative, Caption, ItemError, ModelInfo, Token
from mezzetin.serving.answers import Answer
from mezzetin.serving.wire import ImageIn, ScoreRequest, item_out, parse_score

INFO = ModelInfo("small", "1", "abc", "research-only")
GOOD = Caption("A dog.", "en", INFO, 0.5, 0.1, (Alternative("A cat.", -2.5),), (Token("a", 0.9), Token("dog", 0.8)))
BAD = Caption(None, "en", INFO, error=ItemError("undecodable", "it is damaged"))
SIGNATURE = "c2VjcmV0"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "invalid JSON"),
        (b"{", "invalid JSON"),
        (b"\xff\xfe", "invalid JSON"),
        (b"[]", "object"),
        (b"{}", "exactly one of urls, sas_uri and images"),
        (b'{"urls": ["https://a/b"], "sas_uri": "https://a/b?sig=%s"}' % SIGNATURE.encode(), "exactly one"),
        (b'{"urls": []}', "urls: list should have at least 1 item"),
        (b'{"urls": ["https://a/b"], "sig": "%s"}' % SIGNATURE.encode(), "sig: extra inputs"),
        (b'{"urls": "https://a/b?sig=%s"}' % SIGNATURE.encode(), "urls: input should be a valid array"),
        (b'{"images": [{"id": "a"}]}', "images.0.base64: field required"),
        (b'{"urls": ["https://a/b"], "timeout": 0}', "timeout"),
        (b'{"urls": ["https://a/b"], "timeout": NaN}', "timeout"),
        (b"[" * 5000, "invalid JSON"),
    ],
)
def test_what_is_no_request_is_refused_in_one_line_that_repeats_no_value(body: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_score(body)
    message = str(caught.value)
    assert words in message and "\n" not in message and SIGNATURE not in message


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ScoreRequest.model_fields, "x"]), inner)
    ),
    max_leaves=12,
)


@given(json_values | st.binary(max_size=50))
def test_anything_is_a_request_or_an_input_error(value: object) -> None:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        request = parse_score(body)
    except InputError as error:
        assert "\n" not in str(error) and str(error)
    else:
        assert sum(given is not None for given in (request.urls, request.sas_uri, request.images)) == 1


@given(st.binary(max_size=100))
def test_base64_comes_through_with_and_without_a_data_url(content: bytes) -> None:
    text = base64.b64encode(content).decode()
    assert ImageIn(base64=text).content() == content
    assert ImageIn(base64=f"data:image/jpeg;base64,{text}").content() == content


@pytest.mark.parametrize("text", ["%", "a", "ab=c", "äöü", "a b c d", "data:nothing"])
def test_what_is_no_base64_is_an_error_of_its_picture(text: str) -> None:
    found = ImageIn(base64=text).content()
    if text == "data:nothing":
        assert found == b""
    else:
        assert isinstance(found, ItemError) and found.code == "bad_base64"


def test_an_answer_has_all_keys_whatever_it_holds() -> None:
    good = item_out(0, "a.jpg", Answer(GOOD, "jpeg", 640, 480, "ff", {"other": BAD, "third": GOOD})).model_dump()
    bad = item_out(1, "b.jpg", Answer(BAD)).model_dump()
    assert good.keys() == bad.keys()
    assert good["caption"] == {
        "text": "A dog.",
        "language": "en",
        "confidence": 0.5,
        "alternatives": [{"text": "A cat.", "log_probability": -2.5}],
        "unlike_training": 0.1,
        "model": {"name": "small", "version": "1", "signature": "abc", "licence": "research-only"},
    }
    assert good["external"]["other"] == {
        "caption": None,
        "error": {"code": "undecodable", "message": "it is damaged"},
    }
    assert good["external"]["third"]["caption"]["text"] == "A dog." and good["error"] is None
    assert (bad["caption"], bad["error"]["code"], bad["width"], bad["index"]) == (None, "undecodable", None, 1)
