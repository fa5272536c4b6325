"""Door 4: a bundle as MLflow's Python function, for `mlflow models serve`, `spark_udf` and whoever has a data frame.

Enters: rows with a picture each, `image` (the encoded bytes; base64 in JSON) or `uri` (its address). Leaves: a row for
each, in order: `caption`, `confidence`, `unlike_training`, `error`, of which what there is none of is null.

An address is read as a stranger's: with the SAS it carries or through the safe fetch, since nobody knows who asks an
MLflow server. With MEZZETIN_PYFUNC_TRUSTED=1 it is read as the user's own: paths of this machine, `az://` with the
identity that is at hand; that is for Spark jobs and notebooks.
"""

import base64
import binascii
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mezzetin.captioner import BundleCaptioner, Picture, load_captioner
from mezzetin.records import Caption, ItemError
from mezzetin.serving.sources import Sources
from mezzetin.worker import caption_pictures

if TYPE_CHECKING:
    import pandas
    from mlflow.pyfunc.model import PythonModel

TRUSTED = "MEZZETIN_PYFUNC_TRUSTED"
_MOST_BYTES = 64 << 20
_BASE64 = re.compile(rb"[A-Za-z0-9+/\r\n]+={0,2}\s*")


def captioning_model() -> "PythonModel":
    """What the code file of a registered model hands to MLflow."""
    import pandas
    from mlflow.pyfunc.model import PythonModel

    from mezzetin.serving.gaps import with_gaps

    class CaptioningModel(PythonModel):
        """One bundle, loaded where MLflow loads the model."""

        def load_context(self, context: Any) -> None:
            self.captioner = load_captioner(context.artifacts["bundle"])

        # MLflow reads these annotations; without one of a data frame it warns.
        def predict(self, context: Any, model_input: pandas.DataFrame, params: Any = None) -> pandas.DataFrame:
            return with_gaps(caption_rows(self.captioner, model_input), ("caption", "error"))

    return CaptioningModel()


def caption_rows(captioner: BundleCaptioner, rows: "pandas.DataFrame") -> "pandas.DataFrame":
    """Caption a data frame with columns `image`, `uri` or both; the answer has its index."""
    import pandas

    nothing = [None] * len(rows)
    images = rows["image"].tolist() if "image" in rows else nothing
    uris = rows["uri"].tolist() if "uri" in rows else nothing
    captions = [caption for _, caption in caption_pictures(captioner, _items(images, uris))]
    columns = {
        "caption": pandas.Series([caption.text for caption in captions], rows.index, object),
        # As objects: what there is none of is null in JSON, where a NaN would be no JSON at all.
        "confidence": pandas.Series([caption.confidence for caption in captions], rows.index, object),
        "unlike_training": pandas.Series([caption.unlike_training for caption in captions], rows.index, object),
        "error": pandas.Series([_error(caption) for caption in captions], rows.index, object),
    }
    return pandas.DataFrame(columns, index=rows.index)


def _items(images: Sequence[Any], uris: Sequence[Any]) -> Iterator[tuple[str, Picture]]:
    trusted = os.environ.get(TRUSTED) == "1"
    sources = Sources(_MOST_BYTES)
    try:
        for number, (image, uri) in enumerate(zip(images, uris, strict=True)):
            yield str(number), _picture(image, uri, None if trusted else sources)
    finally:
        sources.close()


def _picture(image: Any, uri: Any, sources: Sources | None) -> Picture:
    """What a row holds; an empty cell of a data frame may be None, NaN or empty."""
    if isinstance(image, bytes | bytearray | memoryview | str) and len(image):
        return _decoded(image.encode() if isinstance(image, str) else bytes(image))
    if isinstance(uri, str) and uri:
        return uri if sources is None else sources.read(uri)
    return ItemError("missing", "the row has no picture: fill column image (bytes) or column uri")


def _decoded(image: bytes) -> bytes:
    """The bytes of a picture that may still be in base64, which no picture can be taken for."""
    if not _BASE64.fullmatch(image):
        return image
    try:
        return base64.b64decode(image)
    except binascii.Error:
        return image


def _error(caption: Caption) -> str | None:
    return None if caption.error is None else f"{caption.error.code}: {caption.error.message}"
