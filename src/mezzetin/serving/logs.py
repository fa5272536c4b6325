"""Logs: one line a record on stderr, JSON or plain, without secrets, whoever wrote it.

Enters: every record that reaches Python's root logger, those of uvicorn, urllib3, azure and httpx among them. Leaves:
a line. A record is blanked before any handler of the root formats it, so that one which an embedding program has
added sees no secret either.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from mezzetin.serving.blanking import blanked, secrets_of

Format = Literal["auto", "json", "plain"]
Level = Literal["debug", "info", "warning"]
FIELDS = "mezzetin_fields"
"""The attribute of a record that holds further fields, name -> value."""

_LONGEST = 20_000
_TRACES = logging.Formatter()
#: These say at INFO what only somebody who looks for a fault wants to read: each request, its headers, its retries.
_TALKATIVE = ("azure", "httpcore2", "httpx2", "httpcore", "httpx", "urllib3", "msal", "uvicorn", "asyncio")
#: A guess of the parser at each part of a body.
_ENDLESS = ("python_multipart", "multipart", "PIL", "pyvips")


class Blanking(logging.Filter):
    """Takes the secrets out of a record: its message, its fields, its exception.

    The environment's secrets are those that it has when this is made.
    """

    def __init__(self) -> None:
        super().__init__()
        self._secrets = secrets_of(os.environ)

    def filter(self, record: logging.LogRecord) -> bool:
        """Blank the record in its place, and let it pass."""
        record.msg, record.args = self._blanked(_message(record)), None
        if record.exc_info:
            record.exc_text = self._blanked(record.exc_text or _TRACES.formatException(record.exc_info))
            # Whoever formats it again would find the secrets in the exception itself.
            record.exc_info = None
        if record.stack_info:
            record.stack_info = self._blanked(record.stack_info)
        fields = getattr(record, FIELDS, None)
        if fields is not None:
            setattr(record, FIELDS, {name: self._blanked(value) for name, value in fields.items()})
        return True

    def _blanked(self, value: Any) -> Any:
        return blanked(value, self._secrets) if isinstance(value, str) else value


class JsonLines(logging.Formatter):
    """One JSON object a record: `time` (RFC 3339, UTC), `level`, `logger`, `message`, its fields, `trace`."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        trace = "\n".join(part for part in (record.exc_text, record.stack_info) if part)
        if trace:
            line["trace"] = trace
        return json.dumps(line, ensure_ascii=True, default=str)


class PlainLines(logging.Formatter):
    """A line for a person: time of day, level where it is not INFO, message, fields; then the trace."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = "" if record.levelno == logging.INFO else f" {record.levelname.lower()}"
        fields = " ".join(f"{name}={value}" for name, value in getattr(record, FIELDS, {}).items() if value is not None)
        message = record.getMessage() if not fields else f"{record.getMessage()} {fields}"
        trace = "\n".join(part for part in (record.exc_text, record.stack_info) if part)
        return "\n".join([f"{time}{level} {_shown(message)}", *map(_shown, trace.splitlines())])


def log_to(stream: TextIO | None = None, *, format: Format = "auto", level: Level = "info") -> logging.Handler:
    """Make one handler on `stream` (stderr) what the whole process logs through, in place of those that there are.

    "auto" is plain on a terminal, and JSON elsewhere. At "info" other people's libraries are heard from warnings on.
    """
    stream = stream or sys.stderr
    as_json = format == "json" or (format == "auto" and not stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if as_json else PlainLines())
    handler.addFilter(Blanking())
    # What Python would write to stderr by itself, past every filter.
    logging.captureWarnings(True)
    threading.excepthook = _thread_failed
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for names, least in ((_TALKATIVE, logging.WARNING), (_ENDLESS, logging.INFO)):
        for name in names:
            logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" and names is _TALKATIVE else least)
    return handler


def blank_everywhere() -> None:
    """Blank what the handlers write that are there already, for a server inside of somebody else's program."""
    known = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    for handler in {id(handler): handler for logger in known for handler in logger.handlers}.values():
        if not any(isinstance(found, Blanking) for found in handler.filters):
            handler.addFilter(Blanking())


def _message(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except (TypeError, ValueError, KeyError):
        # A wrong format is its author's fault; the line is not to be lost, nor an argument to slip through.
        text = f"{record.msg} {record.args!r}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    name = failure.thread.name if failure.thread is not None else "a thread"
    trace = (failure.exc_type, failure.exc_value, failure.exc_traceback)
    if failure.exc_value is not None and not isinstance(failure.exc_value, SystemExit):
        logging.getLogger("mezzetin.serving").error("%s failed", name, exc_info=trace)  # type: ignore[arg-type]


def _shown(text: str) -> str:
    """As one line, in which nothing moves a terminal's cursor."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
