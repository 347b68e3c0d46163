"""A network that OpenVINO computes: on CPUs it is faster than torch, most of all on those without units for bfloat16."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_mid.errors import SettingsError

HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoNetwork:
    """`network` compiled for the CPU.

    Parameters
    ----------
    network
        Slices to embeddings, in evaluation mode.
    shape
        (C, S, S) of a slice.
    precision
        ``"float32"`` or ``"bfloat16"``.
    batch_size
        Slices at once; it is compiled for these, so that the last ones of a well are filled up with zeros.

    Raises
    ------
    SettingsError
        If OpenVINO is not installed, or cannot take this network.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, int, int], precision: str, batch_size: int) -> None:
        try:
            import openvino
        except ImportError as error:
            raise SettingsError(
                'OpenVINO is not installed; run pip install "napari-mid[openvino]", or encode with the engine torch.'
            ) from error
        self._batch_size, self._shape = batch_size, shape
        example = torch.zeros((batch_size, *shape))
        try:
            model = openvino.convert_model(network.cpu(), example_input=example, input=[example.shape])
            hints = {"INFERENCE_PRECISION_HINT": HINTS[precision], "PERFORMANCE_HINT": "THROUGHPUT"}
            compiled = openvino.Core().compile_model(model, "CPU", hints)
        except Exception as error:  # whatever its converter says about a backbone it does not know
            reason = " ".join(str(error).split())[:200]
            raise SettingsError(f"OpenVINO cannot take this network ({reason}); encode with the engine torch.") from error
        self._queue: Any = openvino.AsyncInferQueue(compiled)
        # one well at a time: the queue gives its results to the caller who set it up last
        self._busy = threading.Lock()

    def __call__(self, slices: Tensor) -> Tensor:
        """Embeddings (M, D) float32 of slices (M, C, S, S) on the CPU."""
        found: dict[int, NDArray[np.float32]] = {}

        def keep(request: Any, start: int) -> None:
            found[start] = request.get_output_tensor(0).data.copy()

        with self._busy:
            self._queue.set_callback(keep)
            for start in range(0, len(slices), self._batch_size):
                batch = np.ascontiguousarray(slices[start : start + self._batch_size].numpy(), dtype=np.float32)
                missing = self._batch_size - len(batch)
                if missing:
                    batch = np.concatenate([batch, np.zeros((missing, *self._shape), dtype=np.float32)])
                self._queue.start_async([batch], start)
            self._queue.wait_all()
        return torch.from_numpy(np.concatenate([found[start] for start in sorted(found)])[: len(slices)])
