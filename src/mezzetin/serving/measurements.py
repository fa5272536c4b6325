"""Measurements: what the server does, counted, as `/metrics` tells it to Prometheus (text format 0.0.4).

Each application has a registry of its own. Labels come from short lists of ours: routes, stages, codes, statuses; no
key, address or text ever is one.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from mezzetin.records import Caption
from mezzetin.serving.answers import Answer, Observer
from mezzetin.serving.core import Core

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_STAGES = ("fetch", "decode", "caption", "external")
_TYPE = "text/plain; version=0.0.4; charset=utf-8"
router = APIRouter(tags=["health"])


class Measurements(Observer):
    """The counters of one application.

    A caption is of low confidence below `settings.low_confidence`, and its picture unlike those of the training from
    `settings.unlike_training` on; captions without these figures are counted in neither.
    """

    def __init__(self, core: Core) -> None:
        self._low, self._unlike = core.settings.low_confidence, core.settings.unlike_training
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Now(core))
        self._requests = Counter(
            "mezzetin_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "mezzetin_request_seconds", "How long requests took.", ["route"], buckets=_SECONDS, registry=registry
        )
        self._stage_seconds = Histogram(
            "mezzetin_stage_seconds",
            "How long a picture spent in a stage.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._sizes = Histogram("mezzetin_batch_size", "Pictures a forward pass.", buckets=_SIZES, registry=registry)
        self._pass_seconds = Histogram(
            "mezzetin_pass_seconds", "How long forward passes took.", buckets=_SECONDS, registry=registry
        )
        self._captions = Counter("mezzetin_captions", "Captions given.", registry=registry)
        self._doubts = Counter(
            "mezzetin_doubtful_captions", "Captions that a person should look at.", ["why"], registry=registry
        )
        self._errors = Counter(
            "mezzetin_errors", "Pictures without a caption.", ["captioner", "code"], registry=registry
        )
        self._overloads = Counter("mezzetin_overloaded", "Requests that found the queue full.", registry=registry)
        self._ends = Counter("mezzetin_decoders_ended", "Decoding processes that ended.", ["why"], registry=registry)
        for why in ("low_confidence", "unlike_training"):
            self._doubts.labels(why)
        for stage in _STAGES:
            self._stage_seconds.labels(stage)

    def requested(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request is over."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def answered(self, answer: Answer) -> None:
        """See Observer."""
        for stage in _STAGES:
            seconds = getattr(answer.timings, stage)
            if seconds is not None:
                self._stage_seconds.labels(stage).observe(seconds)
        self._judge(answer.caption)
        for name, caption in answer.external.items():
            if caption.error is not None:
                self._errors.labels(name, caption.error.code).inc()

    def batched(self, size: int, seconds: float) -> None:
        """See Observer."""
        self._sizes.observe(size)
        self._pass_seconds.observe(seconds)

    def refused(self) -> None:
        """See Observer."""
        self._overloads.inc()

    def decoder_ended(self, why: str) -> None:
        """See Observer."""
        self._ends.labels(why).inc()

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _judge(self, caption: Caption) -> None:
        if caption.error is not None:
            self._errors.labels("mezzetin", caption.error.code).inc()
            return
        self._captions.inc()
        if caption.confidence is not None and caption.confidence < self._low:
            self._doubts.labels("low_confidence").inc()
        if caption.unlike_training is not None and caption.unlike_training >= self._unlike:
            self._doubts.labels("unlike_training").inc()


class _Now(Collector):
    """What is read when somebody asks: how much there is to do, and who does it."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        load, info = self._core.engine.load, self._core.engine.info
        queue = GaugeMetricFamily("mezzetin_queue_length", "Pictures in the server, by where.", labels=["where"])
        for where in ("held", "decoding", "waiting", "fetching"):
            queue.add_metric([where], getattr(load, where))
        yield queue
        yield GaugeMetricFamily("mezzetin_jobs_unfinished", "Jobs that run or wait.", value=self._core.jobs.unfinished)
        calls = CounterMetricFamily("mezzetin_external_calls", "Requests to external captioners.", labels=["captioner"])
        cost = CounterMetricFamily("mezzetin_external_cost", "What they cost, by their prices.", labels=["captioner"])
        for name, usage in self._core.engine.usage.items():
            calls.add_metric([name], usage.calls)
            if usage.cost is not None:
                cost.add_metric([name], float(usage.cost))
        yield from (calls, cost)
        model = GaugeMetricFamily("mezzetin_model_info", "Who captions.", labels=["name", "version", "signature"])
        model.add_metric([info.name, info.version, info.signature], 1)
        yield model


@router.get(
    "/metrics",
    summary="Read the measurements",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """What the server does, in the text format of Prometheus."""
    measurements: Measurements = request.state.measurements
    return Response(measurements.text(), media_type=_TYPE)
