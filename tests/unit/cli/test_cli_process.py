"""The command as a process: what it loads, and how it ends when it is not left alone."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mezzetin import __version__, tour

Command = Callable[..., Any]
Start = Callable[..., Any]
Source = Callable[..., Path]
HEAVY = {"fastapi", "matplotlib", "onnx", "optuna", "pyarrow", "sqlalchemy", "timm", "torch", "uvicorn"}

LOADED = """
import sys
from mezzetin.cli import run
code = run(sys.argv[1:])
print("\\n" + " ".join(sorted({name.partition(".")[0] for name in sys.modules})))
sys.exit(code)
"""
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from mezzetin.cli import main
main()
"""
BROKEN = """
import mezzetin.api
def ingest(*arguments, **options):
    raise ZeroDivisionError("a slip of ours")
mezzetin.api.ingest = ingest
from mezzetin.cli import main
main()
"""


def test_help_loads_next_to_nothing(start: Start) -> None:
    process = start("caption", "--help", program=LOADED)
    out, _ = process.communicate()
    loaded = set(out.splitlines()[-1].split())
    assert process.returncode == 0
    assert "typer" in loaded
    assert not loaded & (HEAVY | {"numpy", "onnxruntime", "rich", "pyvips"})


def test_captioning_needs_no_training_package(start: Start, photographs: Source, bundle_path: Path) -> None:
    process = start("caption", photographs(1), "--model", bundle_path, program=LOADED)
    out, _ = process.communicate()
    loaded = set(out.splitlines()[-1].split())
    assert process.returncode == 0
    assert "onnxruntime" in loaded
    assert not loaded & HEAVY


def test_training_without_torch_names_the_command(start: Start, tmp_path: Path) -> None:
    process = start("train", tmp_path, tmp_path / "b", program=WITHOUT_TORCH)
    out, err = process.communicate()
    assert (process.returncode, out) == (3, "")
    assert err == "error: training needs an extra that is not installed: pip install 'mezzetin[train]'\n"


def test_the_version(mezzetin: Command) -> None:
    answer = mezzetin("--version")
    assert (answer.code, answer.out) == (0, f"mezzetin {__version__}\n")


def test_alone_it_says_what_it_can_do(mezzetin: Command) -> None:
    answer = mezzetin()
    assert answer.code == 0
    for command in ("caption", "ingest", "train", "evaluate", "quickstart"):
        assert f"\n  {command} " in answer.out


@pytest.mark.parametrize(
    "line", [["captoin"], ["caption"], ["caption", "--beem", "3", "x"], ["caption", "x", "--beam", "0"], ["train", "d"]]
)
def test_a_line_that_cannot_be_parsed(mezzetin: Command, line: list[str]) -> None:
    plain = mezzetin(*line)
    assert (plain.code, plain.out) == (2, "")
    assert plain.err.startswith("error: ")
    assert plain.err.count("\n") == 1
    assert "--help" in plain.err
    if len(line) > 1:
        answer = mezzetin(*line, "--json")
        assert (answer.code, answer.err) == (2, plain.err)
        assert answer.objects == [{"error": {"message": plain.err.removeprefix("error: ").rstrip("\n")}}]


def test_a_slip_of_ours_is_not_taken_for_a_finished_command(start: Start) -> None:
    process = start("ingest", "a", "b", program=BROKEN)
    out, err = process.communicate()
    assert (process.returncode, out) == (70, "")
    assert "ZeroDivisionError: a slip of ours" in err
    assert "report" in err.splitlines()[-1]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_closed_pipe_ends_it_quietly(
    start: Start, photographs: Source, bundle_path: Path, options: list[str]
) -> None:
    process = start("caption", photographs(2), "--model", bundle_path, *options)
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 128 + signal.SIGPIPE
    process.stderr.close()


def test_a_full_disk_behind_stdout(start: Start, photographs: Source, bundle_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = start("caption", photographs(2), "--model", bundle_path, stdout=full)
        _, err = process.communicate()
    assert process.returncode == 3
    assert err.count("\n") == 1
    assert "No space left on device" in err


def test_a_closed_stderr_costs_no_captions(start: Start, photographs: Source, bundle_path: Path) -> None:
    folder = photographs(2)
    (folder / "empty.jpg").touch()
    process = start("caption", folder, "--model", bundle_path)
    process.stderr.close()
    assert len(process.stdout.read().splitlines()) == 2
    assert process.wait() == 1
    process.stdout.close()


def test_ctrl_c_during_ingest_and_the_same_command_again(start: Start, photographs: Source, tmp_path: Path) -> None:
    source = photographs(1, name="source/Images", size=(2600, 1700)).parent
    names = [f"copy{number:03}.jpg" for number in range(150)]
    for name in names:
        os.link(source / "Images" / "p0.jpg", source / "Images" / name)
    (source / "captions.txt").write_text("image,caption\n" + "".join(f"{name},A hill .\n" for name in names))
    dataset = tmp_path / "dataset"

    process = start("ingest", source, dataset)
    while not (dataset / "ingest.jsonl").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "stopped: the same command goes on where it was cut off\n"
    assert not (dataset / "dataset.json").exists()

    again = start("ingest", source, dataset, "--json")
    out, err = again.communicate()
    assert again.returncode == 0, err
    assert json.loads(out)["images"] == len(names)


def test_quickstart_says_each_step_and_ends_in_one_object(
    mezzetin: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The walk itself has its own tests; here it is its words that count."""

    class Result:
        def to_json(self) -> dict[str, Any]:
            return {"folder": str(tmp_path)}

    def walk(folder: str, *, say: Callable[[str], None], report: Callable[..., None]) -> Result:
        say(f"1 drew pictures in {folder}")
        return Result()

    monkeypatch.setattr(tour, "quickstart", walk)
    assert mezzetin("quickstart", tmp_path).out == f"1 drew pictures in {tmp_path}\n"
    assert mezzetin("quickstart", tmp_path, "--json").objects == [{"folder": str(tmp_path)}]
