"""Text in a picture: where its lines are, and what they say. A thin layer over rapidocr.

Detection and recognition are separate calls, because most pictures need only one or neither.
Both models lie inside the rapidocr package and are named by path, so nothing is ever fetched.
"""

from __future__ import annotations

import logging
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rapidocr
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from onnxruntime import InferenceSession, SessionOptions
from rapidocr.ch_ppocr_det import TextDetector
from rapidocr.ch_ppocr_rec import TextRecInput, TextRecognizer
from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode
from rapidocr.main import DEFAULT_CFG_PATH
from rapidocr.utils.parse_parameters import ParseParams

from translation_pipeline.localcloud.engine.frames import Pixels

# With rapidocr's own defaults a caption strip is enlarged until nothing is found on it; 512 as
# longest side loses captions, 960 finds more that are none (media-engine.md, reading captions).
DETECTION_SIDE_PX = 736

# Two boxes belong to one line when they overlap in height by this share of the smaller one and
# the gap between them is at most this many heights.
SAME_LINE_OVERLAP = 0.6
SAME_LINE_GAP_HEIGHTS = 1.6

NO_CHARACTER = 0  # the class of the recogniser for the room between characters
SPACE_BIAS = 30

# What is added left and right, and above and below, before a line is read: shares of its height.
# Less loses the last mark of a line, more invents one.
MARGINS = ((0.15, 0.06), (0.25, 0.06), (0.15, 0.03))


class Rect(NamedTuple):
    """A rectangle in pixels of the region; right and bottom are just outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Halfway from top to bottom."""
        return (self.top + self.bottom) / 2

    def overlap(self, other: Rect) -> float:
        """The shared area as a share of the smaller of the two."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        smaller = min(self.width * self.height, other.width * other.height)
        return max(width, 0) * max(height, 0) / smaller

    def around(self, other: Rect) -> Rect:
        """The smallest rectangle that holds both."""
        return Rect(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


class Ocr:
    """The two models, loaded once. `threads` is for each call; None means all cores."""

    def __init__(self, threads: int | None = None) -> None:
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        models = Path(rapidocr.__file__).parent / "models"
        defaults = ParseParams.load(DEFAULT_CFG_PATH)
        self._detector = TextDetector(
            _settings(
                defaults.Det,
                limit_type="max",
                limit_side_len=DETECTION_SIDE_PX,
                session=_session(models / "PP-OCRv6_det_small.onnx", threads),
            )
        )
        recogniser: Any = TextRecognizer(
            _settings(
                defaults.Rec,
                font_path=None,
                session=_session(models / "PP-OCRv6_rec_small.onnx", threads),
            )
        )
        recogniser.postprocess_op = _SpacesKept(recogniser.postprocess_op)
        self._recogniser = recogniser

    def find_lines(self, picture: Pixels) -> list[Rect]:
        """Where lines of text are, from top to bottom."""
        boxes = self._detector(picture).boxes
        if boxes is None:
            return []
        rects = [
            Rect(*(int(edge) for edge in (*box.min(axis=0), *box.max(axis=0)))) for box in boxes
        ]
        return join_lines([rect for rect in rects if rect.width > 0 and rect.height > 0])

    def read_line(self, picture: Pixels, rect: Rect, attempt: int = 0) -> tuple[str, float]:
        """The text of one line and the confidence of the model in it, 0..1.

        Each further `attempt` cuts the line out a little differently, so that it does not just
        repeat the mistakes of the one before.
        """
        across, upright = (round(share * rect.height) for share in MARGINS[attempt % len(MARGINS)])
        line = picture[
            max(rect.top - upright, 0) : rect.bottom + upright,
            max(rect.left - across, 0) : rect.right + across,
        ]
        read = self._recogniser(TextRecInput(img=[line]))
        return re.sub(r" +(?=[,.])", "", read.txts[0]).strip(), float(read.scores[0])


def _settings(defaults: DictConfig, **changes: object) -> Any:
    settings: dict[Any, Any] = {**defaults, **changes}
    return OmegaConf.create(settings, flags={"allow_objects": True})


def _session(model: Path, threads: int | None) -> InferenceSession:
    options = SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    # Threads that spin while they wait take the cores of the other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


class _SpacesKept:
    """The decoder of the recogniser, biased against losing the spaces between words.

    Where the model sees no character but nearly a space, that is a space: it is too sure of
    nothing, above all over busy pictures. Letters are never replaced.
    """

    def __init__(self, decoder: CTCLabelDecode) -> None:
        self._decoder = decoder
        self._space = decoder.dict[" "]

    def __call__(self, shares: NDArray[np.float32], *args: Any, **options: Any) -> Any:
        nothing, space = shares[..., NO_CHARACTER], shares[..., self._space]
        nearly = (shares.argmax(axis=-1) == NO_CHARACTER) & (SPACE_BIAS * space > nothing)
        shares = shares.copy()
        shares[..., self._space] = np.where(nearly, nothing, space)
        shares[..., NO_CHARACTER] = np.where(nearly, 0, nothing)
        return self._decoder(shares, *args, **options)


@lru_cache(maxsize=1)
def shared_ocr(threads: int | None) -> Ocr:
    """One loaded pair of models for each process."""
    return Ocr(threads)


def join_lines(rects: list[Rect]) -> list[Rect]:
    """Pieces of one line as one rectangle, from top to bottom: detectors split at wide spaces."""
    lines: list[Rect] = []
    for rect in sorted(rects, key=lambda rect: rect.left):
        for number, line in enumerate(lines):
            if _same_line(line, rect):
                lines[number] = line.around(rect)
                break
        else:
            lines.append(rect)
    return sorted(lines, key=lambda line: line.top)


def _same_line(line: Rect, rect: Rect) -> bool:
    smaller = min(line.height, rect.height)
    shared = min(line.bottom, rect.bottom) - max(line.top, rect.top)
    alike = smaller > 0.5 * max(line.height, rect.height)
    near = rect.left - line.right <= SAME_LINE_GAP_HEIGHTS * smaller
    return alike and near and shared >= SAME_LINE_OVERLAP * smaller
