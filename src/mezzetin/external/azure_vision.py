"""Azure AI Vision, Image Analysis 4.0, by its official SDK: sends a picture's bytes, takes its caption.

Enters: a JPEG. Leaves: Azure's caption with Azure's confidence. Azure retires this service on 25 September 2028.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from mezzetin.errors import MissingExtra
from mezzetin.external.answers import (
    Answer,
    Failure,
    bad_answer,
    failed_status,
    filtered,
    read_json,
    signed_out,
    timed_out,
    unreachable,
)
from mezzetin.external.settings import AzureVisionSettings, find_key
from mezzetin.external.wording import one_line
from mezzetin.records import ModelInfo


class AzureVision:
    """One Image Analysis resource; safe to ask from several threads at once.

    Raises:
        MissingExtra: `mezzetin[azure]` is not installed.
        InputError: no key is where the settings say.

    """

    def __init__(self, name: str, settings: AzureVisionSettings) -> None:
        try:
            from azure.ai.vision.imageanalysis import ImageAnalysisClient
            from azure.core.credentials import AzureKeyCredential
        except ImportError as error:
            raise MissingExtra("azure", "Azure AI Vision") from error
        self._name, self._settings = name, settings
        key = find_key(name, settings)
        credential = AzureKeyCredential(key) if key else _whose(settings)
        # Repeating is the caller's, who counts and has a budget; a picture does not follow a redirect elsewhere.
        self._client = ImageAnalysisClient(
            endpoint=settings.endpoint.rstrip("/"),
            credential=credential,
            api_version=settings.api_version,
            retry_total=0,
            permit_redirects=False,
            # Larger blocks are waited for until they are full, however slowly they come. An answer is some 300 bytes.
            connection_data_block_size=1,
        )
        said = f"{settings.endpoint} {settings.api_version} {settings.model_version} {settings.gender_neutral}"
        signature = hashlib.sha256(said.encode()).hexdigest()
        self.info = ModelInfo(name, settings.model_version, signature, "Azure's terms of service")

    def ask(self, jpeg: bytes, *, seconds: float) -> Answer | Failure:
        """Ask once, for `seconds` at most."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

        until = time.monotonic() + seconds
        try:
            response = self._send(jpeg, seconds)
            try:
                content = read_json(self._name, response.iter_bytes(), until)
            finally:
                response.close()
        except HttpResponseError as error:
            if error.response is None or error.status_code is None:
                is_sign_in = isinstance(error, ClientAuthenticationError)
                return signed_out(self._name) if is_sign_in else unreachable(self._name)
            headers: Any = getattr(error.response, "headers", {})
            return failed_status(self._name, error.status_code, _code(error), headers)
        except AzureError as error:
            return timed_out(self._name) if _is_timeout(error) else unreachable(self._name)
        return content if isinstance(content, Failure) else self._caption(content)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _send(self, jpeg: bytes, seconds: float) -> Any:
        from azure.ai.vision.imageanalysis.models import VisualFeatures

        # What may go over plain HTTP has been decided by the settings; only the policy for tokens knows this option.
        plain = self._settings.credential == "entra" and self._settings.endpoint.startswith("http:")
        options: dict[str, Any] = {"enforce_https": False} if plain else {}
        return self._client.analyze(
            image_data=jpeg,
            visual_features=[VisualFeatures.CAPTION],
            language=self._settings.language,
            gender_neutral_caption=self._settings.gender_neutral,
            model_version=self._settings.model_version,
            # Read here, with an end: the SDK's own reading has none as long as bytes trickle in.
            stream=True,
            cls=lambda pipeline, *_: pipeline.http_response,
            connection_timeout=seconds,
            read_timeout=seconds,
            **options,
        )

    def _caption(self, content: dict[str, Any]) -> Answer | Failure:
        result = content.get("captionResult")
        said = result.get("text") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(said, str):
            return bad_answer(self._name, "no captionResult")
        text = one_line(said)
        if not text:
            return filtered(self._name, "the caption")
        version = content.get("modelVersion")
        return Answer(text, _confidence(result.get("confidence")), version if isinstance(version, str) else "")


def _whose(settings: AzureVisionSettings) -> Any:
    """Whoever is signed in; or nobody, for a server that speaks Azure's language and wants no key."""
    if settings.credential == "entra":
        from mezzetin.storage.azure.credentials import identity

        return identity()[0]
    from azure.core.credentials import AzureKeyCredential

    return AzureKeyCredential("none")


def _confidence(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= float(value) <= 1 else None  # type: ignore[arg-type]


def _code(error: Any) -> object:
    """The innermost code of Azure's error object, which says most."""
    found, part = None, getattr(error, "error", None)
    if part is not None:
        found = part.code
        inner = part.innererror
        while isinstance(inner, dict) and inner.get("code"):
            found, inner = inner["code"], inner.get("innererror")
    return found


def _is_timeout(error: Any) -> bool:
    from azure.core.exceptions import ServiceRequestTimeoutError, ServiceResponseTimeoutError

    return isinstance(error, ServiceRequestTimeoutError | ServiceResponseTimeoutError)
