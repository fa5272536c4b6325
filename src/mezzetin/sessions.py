"""The graphs of a bundle as sessions of ONNX Runtime.

Enters: a bundle, the name of a graph, threads. Leaves: a session on a GPU where onnxruntime-gpu finds one, otherwise on
the processor.
"""

from __future__ import annotations

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as trouble

from mezzetin.bundle import Bundle
from mezzetin.errors import BundleError

_UNLOADABLE = (
    RuntimeError,
    ValueError,
    # ONNX Runtime's own exceptions are neither.
    trouble.Fail,
    trouble.InvalidArgument,
    trouble.InvalidGraph,
    trouble.InvalidProtobuf,
    trouble.NoSuchFile,
    trouble.NotImplemented,
    trouble.RuntimeException,
)


def open_session(bundle: Bundle, name: str, threads: int) -> onnxruntime.InferenceSession:
    """Load a graph of a bundle for so many threads.

    Raises:
        BundleError: it can't be loaded.

    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Warnings of the graph optimiser say nothing to a user.
    options.log_severity_level = 3
    # Spinning threads would burn the processor that the other pictures of a folder need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(bundle.folder / name), options, providers=_providers())
    except _UNLOADABLE as error:
        raise BundleError(f"{bundle.folder / name} can't be loaded: make or fetch the bundle again") from error


def _providers() -> list[str]:
    """A GPU where onnxruntime-gpu finds one; others, such as TensorRT, compile for minutes and are left alone."""
    available = onnxruntime.get_available_providers()
    return [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available]
