"""What one job asks of a provider, in the product's own words.

A request is plain, frozen data that a provider turns into its wire form; it is stored with the
job, so that a later process can send, repeat or explain exactly the same thing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.decisions import CaptionsAre, TextSource

EXTRACTION = "extraction"
TRANSLATION = "translation"


@dataclass(frozen=True)
class ExtractionRequest:
    """Read the captions that are burnt into a video into an SRT object.

    `region` is ((top, bottom), (left, right)), fractions of the picture from its top-left corner;
    `fps` is how many frames a second the service looks at.
    """

    video: ObjectAddress
    output: ObjectAddress
    source_language: str
    region: tuple[tuple[float, float], tuple[float, float]]
    fps: int

    kind = EXTRACTION


@dataclass(frozen=True)
class TranslationRequest:
    """Translate one video into one language.

    `captions_are` tells what the caption object holds, None without one: then `text_source` says
    where the service takes the words from. `erase` is None, "auto", or boxes (x, y, width, height)
    as fractions, like `ocr_area`. `subtitle_style` is None when nothing is burnt in, else the
    service's SubtitleConfig with the origin at the top left. None means undecided in the last
    fields too: the service's own default holds. `original_job` is the service's id of the job that
    this one corrects.
    """

    video: ObjectAddress
    output: ObjectAddress
    level: Literal["subtitle", "speech"]
    source_language: str
    target_language: str
    captions: ObjectAddress | None
    captions_are: CaptionsAre | None
    erase: Literal["auto"] | tuple[tuple[float, float, float, float], ...] | None
    subtitle_style: dict[str, Any] | None
    bilingual: bool
    text_source: TextSource = "ocr_asr"
    ocr_area: tuple[float, float, float, float] | None = None
    voice: str | None = None
    subtitle_time_force: bool | None = None
    skip_song: bool | None = None
    support_editing: bool = False
    original_job: str | None = None

    kind = TRANSLATION


JobRequest = ExtractionRequest | TranslationRequest


def request_to_json(request: JobRequest) -> dict[str, Any]:
    """Plain JSON data that `request_from_json` turns back into an equal request."""
    return {"kind": request.kind, **asdict(request)}


def request_from_json(data: dict[str, Any]) -> JobRequest:
    """The request that was stored; raises `KeyError` on data of another shape."""
    fields = dict(data)
    kind = fields.pop("kind")
    for name in ("video", "output", "captions"):
        if fields.get(name) is not None:
            fields[name] = ObjectAddress(**fields[name])
    if kind == EXTRACTION:
        fields["region"] = tuple(tuple(pair) for pair in fields["region"])
        return ExtractionRequest(**fields)
    if isinstance(fields["erase"], list):
        fields["erase"] = tuple(tuple(box) for box in fields["erase"])
    if fields.get("ocr_area") is not None:
        fields["ocr_area"] = tuple(fields["ocr_area"])
    return TranslationRequest(**fields)
