"""torch.utils.tensorboard: `SummaryWriter`, which writes what the package tensorboard shows."""

from __future__ import annotations

import io
import os
import socket
import time
import warnings
from importlib import import_module
from typing import Any

import numpy as np

__all__ = ["SummaryWriter"]


def _part(module: str, name: str) -> Any:
    try:
        return getattr(import_module(f"tensorboard.{module}"), name)
    except ImportError as error:
        raise ModuleNotFoundError(
            f"torch.utils.tensorboard needs the package tensorboard: {error}; "
            "python -m pip install tensorboard"
        ) from None


Event = _part("compat.proto.event_pb2", "Event")
Summary = _part("compat.proto.summary_pb2", "Summary")
EventFileWriter = _part("summary.writer.event_file_writer", "EventFileWriter")

# The edges of a histogram's bins: torch's, which are TensorFlow's.
_POSITIVE = 1e-12 * 1.1 ** np.arange(775)
EDGES = np.concatenate([-_POSITIVE[::-1], [0.0], _POSITIVE])


class SummaryWriter:
    """Writes numbers, histograms, pictures and words of a training run into `log_dir`.

    Args:
        log_dir: the folder; runs/date_host by default, with the comment behind it.
        comment: what is added to the default's name.

    Values are tensors, arrays or numbers; `global_step` says when, on the axis of steps.
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ):
        if not log_dir:
            moment = time.strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{moment}_{socket.gethostname()}{comment}")
        self.log_dir = str(log_dir)
        self._options = (max_queue, flush_secs, filename_suffix)
        self._writers: dict[str, Any] = {}
        self._writer(self.log_dir)

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def _writer(self, folder: str) -> Any:
        if folder not in self._writers:
            self._writers[folder] = EventFileWriter(folder, *self._options)
        return self._writers[folder]

    def _add(
        self, tag: str, step: Any, moment: Any, folder: str | None = None, **value: Any
    ) -> None:
        event = Event(wall_time=time.time() if moment is None else moment)
        event.summary.CopyFrom(Summary(value=[Summary.Value(tag=tag, **value)]))
        if step is not None:
            event.step = int(step)
        self._writer(folder or self.log_dir).add_event(event)

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Write a number."""
        self._add(tag, global_step, walltime, simple_value=float(scalar_value))

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: Any, global_step: Any = None, walltime: Any = None
    ) -> None:
        """Write numbers that are shown in one picture: each lies in a folder of its own."""
        for tag, value in tag_scalar_dict.items():
            folder = f"{self.log_dir}/{main_tag.replace('/', '_')}_{tag}"
            self._add(main_tag, global_step, walltime, folder, simple_value=float(value))

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: Any = None,
        max_bins: Any = None,
    ) -> None:
        """Write how values are distributed."""
        array = _array(values).astype(np.float64).ravel()
        edges = EDGES if bins == "tensorflow" else bins
        counts, edges = np.histogram(array, edges)
        (filled,) = counts.nonzero()
        first, last = (filled[0], filled[-1] + 1) if len(filled) else (0, 1)
        histogram = dict(
            min=array.min(), max=array.max(), num=array.size, sum=array.sum(),
            sum_squares=array @ array, bucket_limit=edges[first + 1 : last + 1],
            bucket=counts[first:last],
        )  # fmt: skip
        self._add(tag, global_step, walltime, histo=histogram)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: Any = None,
        dataformats: str = "CHW",
    ) -> None:
        """Write a picture: bytes, or floats from 0 to 1. Needs Pillow."""
        from PIL import Image

        array = _array(img_tensor)
        if dataformats != "HW":
            array = array.transpose([dataformats.index(axis) for axis in "HWC"])
            array = array[:, :, 0] if array.shape[2] == 1 else array
        if array.dtype != np.uint8:
            array = (np.clip(array, 0, 1) * 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(array).save(file, "png")
        self._add_png(tag, file, array.shape, global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: Any = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Write pictures, one beside the other."""
        array = _array(img_tensor).transpose([dataformats.index(axis) for axis in "NHWC"])
        row = np.concatenate(list(array), axis=1)
        self.add_image(tag, row, global_step, walltime, dataformats="HWC")

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: Any = None,
        close: bool = True,
        walltime: Any = None,
    ) -> None:
        """Write a figure of matplotlib, and close it."""
        file = io.BytesIO()
        figure.savefig(file, format="png")
        width, height = figure.canvas.get_width_height()
        self._add_png(tag, file, (height, width), global_step, walltime)
        if close:
            import matplotlib.pyplot

            matplotlib.pyplot.close(figure)

    def _add_png(self, tag: str, file: Any, shape: Any, step: Any, moment: Any) -> None:
        picture = dict(height=shape[0], width=shape[1], encoded_image_string=file.getvalue())
        self._add(tag, step, moment, image=picture)

    def add_text(
        self, tag: str, text_string: str, global_step: Any = None, walltime: Any = None
    ) -> None:
        """Write words, in Markdown."""
        shape = {"dim": [{"size": 1}]}
        content = dict(dtype="DT_STRING", string_val=[text_string.encode()], tensor_shape=shape)
        shown_by = {"plugin_data": {"plugin_name": "text"}}
        name = f"{tag}/text_summary"
        self._add(name, global_step, walltime, metadata=shown_by, tensor=content)

    def add_hparams(self, hparam_dict: Any, metric_dict: Any, *args: Any, **options: Any) -> None:
        """Write hyperparameters as words, and what came of them as numbers."""
        rows = [f"| {name} | {value} |" for name, value in hparam_dict.items()]
        self.add_text("hparams", "\n".join(["| name | value |", "|---|---|", *rows]))
        for name, value in metric_dict.items():
            self.add_scalar(name, value)

    def add_graph(self, model: Any, *args: Any, **options: Any) -> None:
        """Write nothing, and say so: minnet traces no graphs."""
        warnings.warn("minnet traces no graphs: add_graph writes nothing", stacklevel=2)

    def get_logdir(self) -> str:
        """Return the folder."""
        return self.log_dir

    def flush(self) -> None:
        """Write what waits to be written."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Write what waits, and close the files."""
        for writer in self._writers.values():
            writer.close()


def _array(values: Any) -> np.ndarray:
    if hasattr(values, "detach"):
        return values.detach().cpu().numpy()
    if isinstance(values, list | tuple):
        return np.stack([_array(value) for value in values])
    return np.asarray(values)
