from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.metrics import meteor
from mezzetin.records import Score

_REFERENCES = [[["a", "dog", "runs"]], [["two", "men", "sit", "on", "a", "bench"]]]
_HYPOTHESES = [["a", "dog", "is", "running"], ["men", "on", "benches"]]


def test_without_pycocoevalcap_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocoevalcap", None)
    reason = meteor(_REFERENCES, _HYPOTHESES, protocol="p")
    assert isinstance(reason, str)
    assert "mezzetin[metrics]" in reason


def test_without_java_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pycocoevalcap")
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = meteor(_REFERENCES, _HYPOTHESES, protocol="p")
    assert isinstance(reason, str)
    assert "install a Java runtime" in reason


@pytest.mark.skipif(sys.platform == "win32", reason="the false Java is a shell script")
def test_a_java_that_does_not_run_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pycocoevalcap")
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="java -version"):
        meteor(_REFERENCES, _HYPOTHESES, protocol="p")


def test_the_corpus_is_checked_before_java_starts() -> None:
    with pytest.raises(InputError, match="2 images have references"):
        meteor(_REFERENCES, [["a"]], protocol="p")


@pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed")
def test_the_interval_resamples_the_corpus_score() -> None:
    pytest.importorskip("pycocoevalcap")
    # Every resample of one image repeated is that corpus again: its score must not move, whatever the draw.
    # A match of the whole sentence is the case in which METEOR adds its statistics up in its own way.
    result = meteor(_REFERENCES[:1] * 4, [["a", "dog", "runs"]] * 4, protocol="p", resamples=5)
    assert isinstance(result, Score)
    assert result.low == pytest.approx(result.value, abs=1e-9)
    assert result.high == pytest.approx(result.value, abs=1e-9)
    result = meteor(_REFERENCES, [["a", "dog", "runs"], []], protocol="split=val", resamples=200, seed=2)
    assert isinstance(result, Score)
    assert result.low == 0
    assert result.per_image == (1.0, 0.0)
    assert result.low < result.value < result.high == pytest.approx(1.0)
    assert result.signature == "split=val|METEOR:1.5,language=en,norm|interval=95%,bootstrap=200,seed=2"
