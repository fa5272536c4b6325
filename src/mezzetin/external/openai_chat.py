"""Any chat endpoint with vision that speaks OpenAI's language: OpenAI, Azure OpenAI, vLLM, Ollama.

Enters: a JPEG, which goes into the request as a data URL. Leaves: the first sentence of what the model answers,
without a confidence, and how many tokens its service counted.
"""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

from mezzetin.errors import MissingExtra, StoreRefused
from mezzetin.external.answers import (
    Answer,
    Failure,
    Tokens,
    bad_answer,
    failed_status,
    filtered,
    read_json,
    signed_out,
    timed_out,
    unreachable,
)
from mezzetin.external.settings import ChatSettings, find_key
from mezzetin.external.wording import one_line, one_sentence
from mezzetin.records import ModelInfo

PROMPT = (
    "Describe this picture in one plain sentence of at most 25 words, as alt text for somebody who can't see it. "
    "Say what is to be seen, without guesses. Write in the language {language}. Answer with the sentence only."
)
NEUTRAL = " Say person or child in place of man, woman, boy or girl."
_SCOPE = "https://cognitiveservices.azure.com/.default"


class ChatEndpoint:
    """One model behind one endpoint; safe to ask from several threads at once.

    Raises:
        MissingExtra: `mezzetin[external]` is not installed.
        InputError: no key is where the settings say.

    """

    def __init__(self, name: str, settings: ChatSettings) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingExtra("external", "an OpenAI-compatible endpoint") from error
        self._name, self._settings = name, settings
        # A picture does not follow a redirect elsewhere.
        transport = openai.DefaultHttpxClient(follow_redirects=False)
        key = find_key(name, settings)
        self._client = _azure(settings, key, transport) if settings.api_version else _plain(settings, key, transport)
        # Loaded now: the client loads this part when it is first used, which would count against the first timeout.
        self._completions = self._client.chat.completions
        self._prompt = (settings.prompt or PROMPT + NEUTRAL * settings.gender_neutral).replace(
            "{language}", settings.language
        )
        asked = f"{settings.model} {settings.detail} {settings.max_tokens} {self._prompt}"
        said = f"{settings.endpoint} {settings.api_version} {asked}"
        signature = hashlib.sha256(said.encode()).hexdigest()
        self.info = ModelInfo(name, settings.model, signature, "its service's or model's terms")

    def ask(self, jpeg: bytes, *, seconds: float) -> Answer | Failure:
        """Ask once, for `seconds` at most."""
        import httpx2
        import openai

        until = time.monotonic() + seconds
        try:
            # Read here, with an end: the SDK's own reading has none as long as bytes trickle in.
            with self._completions.with_streaming_response.create(**self._request(jpeg), timeout=seconds) as response:
                content = read_json(self._name, response.iter_bytes(), until)
        except openai.APIStatusError as error:
            return failed_status(self._name, error.status_code, _code(error), error.response.headers)
        except StoreRefused:
            return signed_out(self._name)
        except (openai.APITimeoutError, httpx2.TimeoutException):
            return timed_out(self._name)
        except (openai.APIError, httpx2.HTTPError):
            return unreachable(self._name)
        return content if isinstance(content, Failure) else self._caption(content)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _request(self, jpeg: bytes) -> dict[str, Any]:
        picture = {
            "url": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}",
            "detail": self._settings.detail,
        }
        content = [{"type": "text", "text": self._prompt}, {"type": "image_url", "image_url": picture}]
        limits: dict[str, Any] = {"temperature": 0, "max_tokens": self._settings.max_tokens}
        if self._settings.reasoning_model:
            limits = {"max_completion_tokens": self._settings.max_tokens}
        return {"model": self._settings.model, "messages": [{"role": "user", "content": content}], **limits}

    def _caption(self, content: dict[str, Any]) -> Answer | Failure:
        tokens = _tokens(content.get("usage"))
        choice = _first(content.get("choices"))
        message = choice.get("message")
        message = message if isinstance(message, dict) else {}
        if choice.get("finish_reason") == "content_filter":
            return filtered(self._name, "the caption", tokens)
        if isinstance(message.get("refusal"), str) and message["refusal"]:
            return filtered(self._name, "the caption (its model declines)", tokens)
        said = message.get("content")
        text = one_sentence(said) if isinstance(said, str) else ""
        if not text:
            why = "max_tokens is too low" if choice.get("finish_reason") == "length" else "no words"
            return bad_answer(self._name, why, tokens)
        version = content.get("model")
        return Answer(text, version=one_line(version) if isinstance(version, str) else "", tokens=tokens)


def _plain(settings: ChatSettings, key: str | None, transport: Any) -> Any:
    import openai

    token: Any = _bearer() if settings.credential == "entra" else key or "none"
    # Repeating is the caller's, who counts and has a budget.
    return openai.OpenAI(base_url=settings.endpoint, api_key=token, max_retries=0, http_client=transport)


def _azure(settings: ChatSettings, key: str | None, transport: Any) -> Any:
    import openai

    whose = {"azure_ad_token_provider": _bearer()} if settings.credential == "entra" else {"api_key": key or "none"}
    return openai.AzureOpenAI(
        azure_endpoint=settings.endpoint,
        azure_deployment=settings.model,
        api_version=settings.api_version,
        max_retries=0,
        http_client=transport,
        **whose,
    )


def _bearer() -> Any:
    """A function that gives a fresh token of whoever is signed in."""
    from mezzetin.storage.azure.credentials import identity

    credential = identity()[0]

    def token() -> str:
        from azure.core.exceptions import ClientAuthenticationError

        try:
            return str(credential.get_token(_SCOPE).token)
        except ClientAuthenticationError as error:
            raise StoreRefused("nobody is signed in") from error

    return token


def _first(choices: object) -> dict[str, Any]:
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _tokens(usage: object) -> Tokens | None:
    counted = usage if isinstance(usage, dict) else {}
    read, written = counted.get("prompt_tokens"), counted.get("completion_tokens")
    if not isinstance(read, int) or not isinstance(written, int) or read < 0 or written < 0:
        return None
    return Tokens(read, written)


def _code(error: Any) -> object:
    """The code of the error; of Azure's filter the inner one, where the outer is not telling."""
    body = error.body if isinstance(error.body, dict) else {}
    return body.get("code") or body.get("type")
