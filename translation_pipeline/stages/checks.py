"""The questions that guard the next spend, answered from the ledger and from OSS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from translation_pipeline.captions.cue import format_timestamp
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.listing import rule_of
from translation_pipeline.errors import StorageError
from translation_pipeline.ledger.budget import caps_of
from translation_pipeline.ledger.models import Captions, Compared, Job, Wanted
from translation_pipeline.ledger.states import JobState
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import EXTRACTION, TRANSLATION
from translation_pipeline.stages.cells import (
    EXTRACTED_CAPTIONS,
    REVIEWED_CAPTIONS,
    TRANSLATED_VIDEOS,
    VALID,
    review_cells,
)
from translation_pipeline.stages.comparing import compare_translations
from translation_pipeline.stages.doubts import DoubtedFile, doubted_files
from translation_pipeline.stages.inspection import (
    findings_of,
    has_picture,
    inspect_outputs,
    worst_frame_address,
)
from translation_pipeline.stages.review import collected_captions
from translation_pipeline.stages.wanted import EXTRACTED

NO_FAILED_JOBS = "no_failed_jobs"
CAPTIONS_ARE_VALID = "captions_are_valid"
CAPTIONS_LOOK_COMPLETE = "captions_look_complete"
TRANSLATION_QUALITY = "translation_quality"
OUTPUTS_VERIFIED = "outputs_verified"
WITHIN_BUDGET = "within_budget"

DETAILS_MOST = 500  # rows of a table about cues
REASONS_MOST = 3  # of a file, in words
HEADS_AT_ONCE = 16
LISTED_FROM = 8  # outputs of a folder; a page of a listing shows a thousand objects

_BAD = (JobState.FAILED.value, JobState.UNKNOWN.value, JobState.ABANDONED.value)


@dataclass(frozen=True)
class CheckOutcome:
    """An answer: `findings` is a table of what is wrong, one row per video.

    `details` is a table of single cues, the gravest first; `detail_count` says how many there are
    in all. `blocks` says that nothing of what was asked about may go on.
    """

    asset: str
    name: str
    checked: int
    findings: tuple[dict[str, Any], ...]
    blocks: bool = False
    details: tuple[dict[str, Any], ...] = ()
    detail_count: int = 0
    picture: bytes | None = None
    """JPEG of the first finding that a picture can show."""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def over_all_titles(
    pipeline: Pipeline, question: Callable[[Pipeline, Collection[str]], CheckOutcome]
) -> CheckOutcome:
    """The answer for the whole catalog, asked for some titles at a time."""
    batches = pipeline.inventory.title_batches()
    return merged([question(pipeline, some) for some in batches] or [question(pipeline, [])])


def merged(outcomes: Sequence[CheckOutcome]) -> CheckOutcome:
    """The answers for some titles each as one, the worst first again.

    It blocks when each of them that looked at anything does.
    """
    first = outcomes[0]
    if len(outcomes) == 1:
        return first
    looked = [outcome for outcome in outcomes if outcome.checked]
    return CheckOutcome(
        first.asset,
        first.name,
        sum(outcome.checked for outcome in outcomes),
        tuple(sorted((row for one in outcomes for row in one.findings), key=_rank)),
        blocks=bool(looked) and all(outcome.blocks for outcome in looked),
        details=tuple(sorted((row for one in outcomes for row in one.details), key=_rank))[
            :DETAILS_MOST
        ],
        detail_count=sum(outcome.detail_count for outcome in outcomes),
        picture=next((one.picture for one in outcomes if one.picture is not None), None),
    )


def _rank(row: Mapping[str, Any]) -> tuple[bool, float]:
    """Errors before warnings, many before few, doubtful before less so."""
    return row.get("severity", "error") != "error", -(row.get("doubt") or row.get("errors") or 0)


def no_failed_jobs(
    pipeline: Pipeline, asset: str, titles: Collection[str] | None = None
) -> CheckOutcome:
    """Jobs that failed, are unknown or were given up, and videos that cannot be used at all."""
    kind = {EXTRACTED_CAPTIONS: EXTRACTION, TRANSLATED_VIDEOS: TRANSLATION}[asset]
    findings: list[dict[str, Any]] = []
    checked = 0
    unusable = {
        (video.title, video.video): video.problem
        for video in pipeline.inventory.videos(titles)
        if video.problem is not None
    }
    for wanted, job in pipeline.inventory.wanted(titles, kind=kind):
        checked += 1
        problem = unusable.get((wanted.title, wanted.video))
        if problem is not None or (job is not None and job.state in _BAD):
            findings.append(
                {
                    "title": wanted.title,
                    "video": wanted.video,
                    "language": wanted.language,
                    "state": "set aside" if problem or job is None else job.state,
                    "reason": problem or (job.reason if job else "") or "",
                    "job": (job.remote_id or "") if job else "",
                }
            )
    return CheckOutcome(asset, NO_FAILED_JOBS, checked, tuple(findings))


def captions_are_valid(pipeline: Pipeline, titles: Collection[str] | None = None) -> CheckOutcome:
    """Approved and provided captions with findings that block; absent ones are merely awaited.

    It blocks only when a title has no usable captions at all: otherwise the good videos go on
    and the bad ones wait by themselves.
    """
    rows = collected_captions(pipeline, titles)
    findings = [
        {
            "title": row.title,
            "video": row.video,
            "language": row.language,
            "file": f"oss://{row.bucket}/{row.key}",
            "reason": row.problem,
        }
        for row in rows
        if row.problem is not None
    ]
    usable = any(
        row["state"] == VALID for cell in review_cells(pipeline, titles) for row in cell.rows
    )
    return CheckOutcome(
        REVIEWED_CAPTIONS,
        CAPTIONS_ARE_VALID,
        len(rows),
        tuple(findings),
        blocks=bool(findings) and not usable,
        details=_cue_findings(rows),
        detail_count=sum(row.finding_count for row in rows),
    )


def captions_look_complete(
    pipeline: Pipeline, asset: str, titles: Collection[str] | None = None
) -> CheckOutcome:
    """Caption files that look misread, the most doubtful first, and their doubtful cues.

    For extracted captions this is before a person reviews them, for reviewed ones after.
    """
    files = [
        file
        for file in doubted_files(pipeline, titles)
        if (file.captions.origin == EXTRACTED) == (asset == EXTRACTED_CAPTIONS)
    ]
    doubtful = [file for file in files if file.is_doubtful]
    details = [row for file in doubtful for row in _doubtful_cues(file)]
    return CheckOutcome(
        asset,
        CAPTIONS_LOOK_COMPLETE,
        len(files),
        tuple(
            {
                "title": file.captions.title,
                "video": file.captions.video,
                "language": file.captions.language,
                "doubt": file.doubt.score,
                "reason": file.in_words(),
                "file": f"oss://{file.captions.bucket}/{file.captions.key}",
            }
            for file in doubtful
        ),
        details=tuple(details[:DETAILS_MOST]),
        detail_count=sum(file.cue_count for file in doubtful),
    )


def translation_quality(pipeline: Pipeline, titles: Collection[str] | None = None) -> CheckOutcome:
    """Delivered translations with errors against their source captions and the glossary."""
    rows = compare_translations(pipeline, titles)
    return CheckOutcome(
        TRANSLATED_VIDEOS,
        TRANSLATION_QUALITY,
        len(rows),
        tuple(
            {
                "title": row.title,
                "video": row.video,
                "language": row.language,
                "errors": row.error_count,
                "warnings": row.finding_count - row.error_count,
                "reason": row.problem,
            }
            for row in sorted(rows, key=lambda row: -row.error_count)
            if row.problem is not None
        ),
        details=_cue_findings(rows),
        detail_count=sum(row.finding_count for row in rows),
    )


def _cue_findings(rows: Sequence[Captions] | Sequence[Compared]) -> tuple[dict[str, Any], ...]:
    """Findings about cues as a table, errors first."""
    found = [
        {
            "title": row.title,
            "video": row.video,
            "language": row.language,
            "cue": finding["cue_number"],
            "line": finding["line"],
            "severity": finding["severity"],
            "rule": finding["rule"],
            "finding": finding["message"],
        }
        for row in rows
        for finding in row.findings
    ]
    found.sort(key=lambda finding: finding["severity"] != "error")
    return tuple(found[:DETAILS_MOST])


def _doubtful_cues(file: DoubtedFile) -> list[dict[str, Any]]:
    return [
        {
            "title": file.captions.title,
            "video": file.captions.video,
            "doubt": file.doubt.score,
            **cue,
        }
        for cue in file.cues
    ]


def outputs_verified(pipeline: Pipeline, titles: Collection[str] | None = None) -> CheckOutcome:
    """Outputs that were refused (missing, not playable, wrong length, without sound), that are
    gone or changed since, and those that do not look or sound as was asked for."""
    inspect_outputs(pipeline, titles)
    finished = [
        (wanted, job)
        for wanted, job in pipeline.inventory.wanted(titles, kind=TRANSLATION)
        if job is not None and job.finished_at is not None
    ]
    sizes = _sizes(pipeline, [wanted for wanted, _ in finished if wanted.delivered_at])
    faults = [_output_fault(wanted, job, sizes) for wanted, job in finished]
    findings: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    picture = None
    for (wanted, _), fault in zip(finished, faults, strict=True):
        seen = findings_of(wanted)
        reason = fault or "; ".join(str(one["message"]) for one in seen[:REASONS_MOST])
        if not reason:
            continue
        whose = {"title": wanted.title, "video": wanted.video, "language": wanted.language}
        file = f"oss://{wanted.output_bucket}/{wanted.output_key}"
        findings.append({**whose, "file": file, "reason": reason})
        details += [
            {
                **whose,
                "at": "" if one["at_ms"] is None else format_timestamp(one["at_ms"]),
                "finding": one["name"],
                "message": one["message"],
            }
            for one in seen
        ]
        picture = picture or _worst_frame(pipeline, wanted)
    return CheckOutcome(
        TRANSLATED_VIDEOS,
        OUTPUTS_VERIFIED,
        len(finished),
        tuple(findings),
        details=tuple(details[:DETAILS_MOST]),
        detail_count=len(details),
        picture=picture,
    )


def _worst_frame(pipeline: Pipeline, wanted: Wanted) -> bytes | None:
    if not has_picture(wanted):
        return None
    try:
        return pipeline.storage.get(worst_frame_address(wanted))
    except StorageError:
        return None  # the words say it too


def _sizes(pipeline: Pipeline, delivered: Sequence[Wanted]) -> dict[ObjectAddress, int]:
    """The size in bytes of each output that is there: asked for one by one where a folder has few,
    listed where it has many; what a listing lacks is asked for."""
    folders: dict[tuple[str, str], list[ObjectAddress]] = defaultdict(list)
    for wanted in delivered:
        address = ObjectAddress(wanted.output_bucket, wanted.output_key)
        folders[address.bucket, address.key.rpartition("/")[0] + "/"].append(address)
    sizes: dict[ObjectAddress, int] = {}
    for (bucket, folder), addresses in folders.items():
        if len(addresses) >= LISTED_FROM and folder != "/":
            listed = {
                item.key: item.size
                for page in pipeline.storage.pages(bucket, folder, delimiter="/")
                for item in page.objects
            }
            sizes |= {one: listed[one.key] for one in addresses if one.key in listed}
    unseen = [one for addresses in folders.values() for one in addresses if one not in sizes]
    with ThreadPoolExecutor(HEADS_AT_ONCE) as threads:
        heads = threads.map(pipeline.storage.head, unseen)
        sizes |= {one: head.size for one, head in zip(unseen, heads, strict=True) if head}
    return sizes


def _output_fault(wanted: Wanted, job: Job, sizes: Mapping[ObjectAddress, int]) -> str | None:
    if job.state == JobState.FAILED.value:
        return job.reason
    if wanted.delivered_at is None:
        return None
    found = sizes.get(ObjectAddress(wanted.output_bucket, wanted.output_key))
    size = (wanted.facts or {}).get("size")
    if found is None:
        return "The object was deleted. Translate it again with force, or restore it."
    if found != size:
        return f"The object has {found} bytes; {size} were checked."
    return None


def within_budget(pipeline: Pipeline, titles: Collection[str] | None = None) -> CheckOutcome:
    """Titles whose planned jobs wait, all of them, because a cap would be passed."""
    asked = set(pipeline.inventory.titles() if titles is None else titles)
    planned: dict[str, list[str]] = defaultdict(list)
    for job in pipeline.ledger.jobs_in([JobState.PLANNED]):
        if job.title in asked:
            planned[job.title].append(job.id)
    videos = {video.title: video for video in pipeline.inventory.videos(planned)}
    findings = []
    for title, job_ids in sorted(planned.items()):
        rule = rule_of(pipeline.catalog, videos[title]) if title in videos else None
        reason = pipeline.ledger.refusal(job_ids, caps_of(rule.budget if rule else None))
        if reason is not None:
            findings.append({"title": title, "jobs": len(job_ids), "reason": reason})
    return CheckOutcome(TRANSLATED_VIDEOS, WITHIN_BUDGET, len(asked), tuple(findings))
