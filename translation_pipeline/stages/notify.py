"""What people are to be told: failures, blocked captions, waiting reviews, budgets near a cap.

Everything is told once, in one message: a message is about what happened between two marks.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import groupby

from translation_pipeline.catalog.listing import rule_of
from translation_pipeline.ledger.budget import Caps, caps_of, format_money
from translation_pipeline.ledger.outlook import Outlook, Spent
from translation_pipeline.ledger.states import JobState
from translation_pipeline.pipeline import Pipeline

NEAR_CAP = 0.8  # of a cap; from there on people are told, once
LINES_PER_TOPIC = 10
REASON_LENGTH = 200  # characters
SETTLE_S = 60.0
"""So long ago is the mark: what happens meanwhile may still change, such as a job that gets its
money a moment after it was planned."""
FIRST_LOOK = timedelta(days=1)

FAILED, UNKNOWN, BLOCKED, REVIEW, BUDGET = (
    "Failed",
    "Unknown: to be looked up at the service, see `jobs resolve`",
    "Captions that cannot be paid for",
    "Ready for review",
    "Budget",
)
TOPICS = (FAILED, UNKNOWN, BLOCKED, REVIEW, BUDGET)


@dataclass(frozen=True)
class Notice:
    """One thing to tell; `count` is how many jobs or videos it is about."""

    topic: str
    line: str
    count: int = 1


@dataclass(frozen=True)
class Message:
    """A message in Markdown, which mail, chats and webhooks all can show."""

    title: str
    body: str


@dataclass(frozen=True)
class Told:
    """Up to where people were told: number of the last event, and the time of it all."""

    event: int = 0
    at: datetime | None = None

    @classmethod
    def from_json(cls, cursor: str | None) -> Told:
        """What `to_json` wrote; nothing told, for anything else."""
        try:
            data = json.loads(cursor or "{}")
            return cls(int(data["event"]), datetime.fromisoformat(data["at"]))
        except (ValueError, KeyError, TypeError):
            return cls()

    def to_json(self) -> str:
        """A sensor's cursor."""
        return json.dumps({"event": self.event, "at": self.at and self.at.isoformat()})


def notices(pipeline: Pipeline, told: Told, now_s: float) -> tuple[list[Notice], Told]:
    """What happened since `told`, by topic, and the mark to go on from once it is told."""
    outlook = Outlook(pipeline.ledger.database, lambda: now)
    now = datetime.fromtimestamp(now_s, timezone.utc)
    until = now - timedelta(seconds=SETTLE_S)
    since = told.at or until - FIRST_LOOK
    first_event = told.event if told.at else outlook.last_event(since)
    mark = Told(max(first_event, outlook.last_event(until)), until)
    events = (first_event, mark.event)
    found = [
        *_ended(outlook, *events),
        *_blocked(outlook, since, until),
        *_reviews(pipeline, outlook, since, until),
        *_budgets(pipeline, outlook, *events),
    ]
    return sorted(found, key=lambda notice: TOPICS.index(notice.topic)), mark


def compose(found: Sequence[Notice]) -> Message:
    """One message of all notices; what is too much to list is counted."""
    counts, parts = [], []
    for topic, group in groupby(found, key=lambda notice: notice.topic):
        of_topic = list(group)
        counts.append(f"{topic.split(':')[0].lower()}: {sum(one.count for one in of_topic)}")
        lines = [f"- {one.line}" for one in of_topic[:LINES_PER_TOPIC]]
        if len(of_topic) > LINES_PER_TOPIC:
            lines.append(f"- and {len(of_topic) - LINES_PER_TOPIC} more titles or files")
        parts.append("\n".join([f"**{topic}**", "", *lines]))
    return Message(f"Translations: {', '.join(counts)}", "\n\n".join(parts))


def _ended(outlook: Outlook, after: int, until: int) -> list[Notice]:
    """Failed and unknown jobs, a line for each title and reason."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for job in outlook.ended(after, until):
        topic = FAILED if job.state == JobState.FAILED.value else UNKNOWN
        groups[topic, job.title, _short(job.reason)].append(f"{job.video} ({job.language})")
    return [
        Notice(topic, f"{title}: {_named(videos)}: {reason}", len(videos))
        for (topic, title, reason), videos in groups.items()
    ]


def _blocked(outlook: Outlook, since: datetime, until: datetime) -> list[Notice]:
    return [
        Notice(BLOCKED, f"{row.title}/{row.video} ({row.language}): {_short(row.problem)}")
        for row in outlook.blocked_captions(since, until)
    ]


def _reviews(
    pipeline: Pipeline, outlook: Outlook, since: datetime, until: datetime
) -> list[Notice]:
    place = f"oss://{pipeline.catalog.output_bucket}/{pipeline.catalog.review_prefix}"
    return [
        Notice(REVIEW, f"{title}: {count} videos. Put the corrected SRTs at {place}{title}/", count)
        for title, count in outlook.extracted(since, until)
    ]


def _budgets(pipeline: Pipeline, outlook: Outlook, after: int, until: int) -> list[Notice]:
    """Caps that were passed by lately, and titles that a cap refused."""
    found = []
    for spent in outlook.spent_by_title(after, until):
        cap = _caps_of_title(pipeline, spent.title).per_title
        found += _near(f"{spent.title}, budget.per_title", spent, cap)
    month = outlook.spent_this_month(after, until)
    if month is not None:
        for cap in {caps_of(rule.budget).per_month for rule in pipeline.catalog.titles}:
            found += _near("budget.per_month", month, cap)
    for title, count in outlook.without_money(after, until):
        line = f"{title}: a cap refused {count} jobs. `plan` tells what they would cost."
        found.append(Notice(BUDGET, line, count))
    return found


def _near(name: str, spent: Spent, cap: int | None) -> list[Notice]:
    """A notice when the money passed by the threshold lately, not when it was beyond before."""
    if not cap or not spent.micros >= NEAR_CAP * cap > spent.micros - spent.lately_micros:
        return []
    figures = f"{format_money(spent.micros, spent.currency)} of {format_money(cap, spent.currency)}"
    return [Notice(BUDGET, f"{name}: {figures} are reserved or spent.")]


def _caps_of_title(pipeline: Pipeline, title: str) -> Caps:
    videos = pipeline.inventory.videos([title])
    rule = rule_of(pipeline.catalog, videos[0]) if videos else None
    return caps_of(rule.budget if rule else None)


def _named(videos: Sequence[str]) -> str:
    more = len(videos) - 3
    return ", ".join(videos[:3]) + (f" and {more} more" if more > 0 else "")


def _short(reason: str | None) -> str:
    text = " ".join((reason or "no reason was given").split())
    return text if len(text) <= REASON_LENGTH else text[: REASON_LENGTH - 1] + "…"
