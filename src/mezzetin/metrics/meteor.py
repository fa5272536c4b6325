"""METEOR 1.5: alignment by word, stem, synonym and paraphrase (Denkowski and Lavie, WMT 2014).

Only the published Java program gives the published numbers, so this runs the copy that pycocoevalcap brings.
Enters: tokens. Leaves: a `Score`, or the sentence that says why there is none.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mezzetin.errors import EnvironmentProblem
from mezzetin.metrics.bootstrap import resampled_sums
from mezzetin.metrics.corpus import Floats, Hypotheses, References, Tokens, check_corpus
from mezzetin.metrics.measured import Measured
from mezzetin.records import Score

# Places in METEOR's line of statistics: words of hypothesis and reference, chunks, matched words of both.
_WORDS, _CHUNKS, _MATCHED = slice(0, 2), 20, slice(21, 23)


def meteor(
    references: References, hypotheses: Hypotheses, *, protocol: str, resamples: int = 1000, seed: int = 0
) -> Score | str:
    """METEOR 1.5 (English, 0..1) of one hypothesis an image, or a sentence that says what it lacks.

    Arguments as in `score`. It takes Java, pycocoevalcap and up to 2 GB of memory.

    Raises:
        InputError: the lengths differ, an image has no reference, text was not tokenised, or `resamples`
            is below 1.
        EnvironmentProblem: the Java program ended before it answered.

    """
    found = measure_meteor(references, hypotheses, resamples=resamples, seed=seed)
    return found.score(protocol) if isinstance(found, Measured) else found


def measure_meteor(
    references: References, hypotheses: Hypotheses, *, resamples: int = 1000, seed: int = 0
) -> Measured | str:
    """What `meteor` computes, the values of the resampled sets included; arguments and errors as there."""
    check_corpus(references, hypotheses)
    java, jar = shutil.which("java"), _jar()
    if jar is None:
        return "METEOR is left out: it needs pycocoevalcap, pip install 'mezzetin[metrics]'."
    if java is None:
        return "METEOR is left out: it needs Java, install a Java runtime (8 or later) and put it on the PATH."
    with _running(java, jar) as process:
        pairs = zip(references, hypotheses, strict=True)
        lines = [_ask(process, _question(image, hypothesis))[0] for image, hypothesis in pairs]
        *per_image, value = map(float, _ask(process, " ||| ".join(["EVAL", *lines]), len(lines) + 1))
        drawn = resampled_sums(_additive(lines), resamples=resamples, seed=seed)
        values = [float(_ask(process, f"EVAL ||| {_line(sums)}", 2)[1]) for sums in drawn]
    details = f"METEOR:1.5,language=en,norm|interval=95%,bootstrap={resamples},seed={seed}"
    return Measured("METEOR", value, np.array(per_image), np.array(values), details)


def _jar() -> Path | None:
    found = find_spec("pycocoevalcap")
    folders = found.submodule_search_locations if found and found.submodule_search_locations else []
    jars = (Path(folder) / "meteor" / "meteor-1.5.jar" for folder in folders)
    return next((jar for jar in jars if jar.is_file()), None)


@contextmanager
def _running(java: str, jar: Path) -> Iterator[subprocess.Popen[str]]:
    # One process for all images: starting it costs seconds, a question less than a millisecond.
    command = [java, "-Dfile.encoding=UTF-8", "-Xmx2G", "-jar", jar.name]
    command += ["-", "-", "-stdio", "-l", "en", "-norm"]
    with subprocess.Popen(  # noqa: S603 - no part of the command comes from a user
        command,
        cwd=jar.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            # A question that a dead process never read must not hide why it died.
            with suppress(BrokenPipeError):
                if process.stdin is not None:
                    process.stdin.close()


def _ask(process: subprocess.Popen[str], question: str, answers: int = 1) -> list[str]:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
    try:
        process.stdin.write(question + "\n")
        process.stdin.flush()
        lines = [process.stdout.readline().strip() for _ in range(answers)]
    except BrokenPipeError:
        lines = [""]
    if not all(lines):
        raise EnvironmentProblem(
            "METEOR's Java program ended early: check that `java -version` works and 2 GB of memory are free"
        )
    return lines


def _question(references: Sequence[Tokens], hypothesis: Tokens) -> str:
    return " ||| ".join(["SCORE", *map(_words, references), _words(hypothesis)])


def _words(tokens: Tokens) -> str:
    # Three bars separate fields and a line ends a question: neither can be part of a word.
    return " ".join(" ".join(tokens).replace("|||", " ").split())


def _additive(lines: Sequence[str]) -> Floats:
    """Statistics that may be summed: METEOR counts no chunk for a hypothesis that matches as a whole."""
    statistics = np.array([line.split() for line in lines], dtype=np.float64)
    whole = (statistics[:, _WORDS] == statistics[:, _MATCHED]).all(axis=1) & (statistics[:, _CHUNKS] == 1)
    statistics[whole, _CHUNKS] = 0
    return statistics


def _line(statistics: Floats) -> str:
    return " ".join(str(number) for number in statistics.tolist())
