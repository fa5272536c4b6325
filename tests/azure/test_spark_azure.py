"""Spark reads a dataset from Azure by a SAS link: it says what one machine says, and the link is told to nobody."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pyarrow.parquet as pq
import pytest

from mezzetin import api
from mezzetin.captioner import load_captioner
from tests.azure.azurite import Azurite
from tests.unit.collection_sources.museum import painted

ROOT = Path(__file__).parents[2]
PICTURES = 24


def test_a_dataset_behind_a_link_is_captioned_and_the_link_is_in_no_plan_log_or_output(
    tmp_path: Path, azurite: Azurite
) -> None:
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("there is no Java: Spark needs 17")
    dataset, events = _dataset(tmp_path), tmp_path / "events"
    events.mkdir()
    container = azurite.container()
    for path in dataset.iterdir():
        azurite.put(container, f"set/{path.name}", path.read_bytes())
    link = azurite.sas(container, folder="set")
    command = [sys.executable, "-m", "tests.spark.said_by_frames", link, "train", str(events)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    told = json.loads(done.stdout)
    table = [row for path in sorted(dataset.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    rows = [row for row in table if row["split"] == "train"]
    captions = load_captioner(beam=1).caption([row["image"] for row in rows])
    assert told["said"] == {row["image_id"]: one.text for row, one in zip(rows, captions, strict=True)}
    assert len(rows) > PICTURES // 2
    logs = b"".join(path.read_bytes() for path in events.rglob("*") if path.is_file())
    assert "MapInArrow" in told["plan"] and b"SparkListenerJobEnd" in logs
    signature = link.partition("sig=")[2].partition("&")[0]
    for secret in {signature, unquote(signature)}:
        assert secret not in done.stdout + done.stderr and secret.encode() not in logs


def _dataset(folder: Path) -> Path:
    """A dataset of drawn pictures with captions beside them, as Kaggle's layout has them."""
    source = folder / "source"
    (source / "Images").mkdir(parents=True)
    for number in range(PICTURES):
        (source / "Images" / f"p{number}.jpg").write_bytes(painted(number))
    lines = [f"p{number}.jpg,A shape number {number} .\n" for number in range(PICTURES)]
    (source / "captions.txt").write_text("image,caption\n" + "".join(lines))
    api.ingest(source, folder / "set")
    return folder / "set"
