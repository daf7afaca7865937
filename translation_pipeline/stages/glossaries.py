"""Glossaries of titles: read from the source bucket, and looked for in the captions they are for.

A job depends on what the glossary demands of its own video and language alone, so that another
entry costs nothing. A glossary that cannot be used sets its titles aside; the others go on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from translation_pipeline.captions.cue import Cue
from translation_pipeline.captions.glossary import (
    Glossary,
    Term,
    demands_version,
    impact,
    occurrences,
    parse_glossary,
)
from translation_pipeline.captions.srt import parse_srt
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.config import TitleRule
from translation_pipeline.catalog.listing import rule_of
from translation_pipeline.errors import ConfigurationError, StorageAway, StorageError
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Captions, GlossaryFile, Video
from translation_pipeline.pipeline import Pipeline

MAX_BYTES = 1_000_000  # of a glossary; more is another file by mistake

Files = Mapping[tuple[str, str], GlossaryFile]


@dataclass(frozen=True)
class TouchedVideo:
    """What another glossary would touch in one video: cues of the source captions by number."""

    title: str
    video: str
    languages: tuple[str, ...]
    terms: tuple[str, ...]
    cue_numbers: tuple[int, ...]


def collect_glossaries(pipeline: Pipeline, titles: Collection[str] | None = None) -> None:
    """Read the glossaries of these titles that are new or changed, and look for their terms in
    the captions that may be translated.

    What OSS does not show now is looked at another time; its videos wait until then.
    """
    ruled = _ruled(pipeline, titles)
    addresses = {glossary_address(pipeline, rule, video.title) for video, rule in ruled}
    known = pipeline.inventory.glossaries()
    present = _present(pipeline, {address for address in addresses if address})
    read = [
        _read(pipeline, address, etag)
        for address, etag in present.items()
        if getattr(known.get((address.bucket, address.key)), "etag", None) != etag
    ]
    pipeline.inventory.save([row for row in read if row is not None])
    pipeline.inventory.save(_look_for_terms(pipeline, ruled, titles))


def glossary_address(pipeline: Pipeline, rule: TitleRule, title: str) -> ObjectAddress | None:
    """Where the glossary of a title is looked for; None where its rule names none."""
    if rule.glossary is None:
        return None
    return ObjectAddress(pipeline.catalog.bucket, rule.glossary.render(title=title))


def glossary_file(
    pipeline: Pipeline, rule: TitleRule, title: str, files: Files
) -> GlossaryFile | None:
    """The glossary of a title among those that were read; None where there is none."""
    address = glossary_address(pipeline, rule, title)
    return None if address is None else files.get((address.bucket, address.key))


def glossary_in(file: GlossaryFile | None, rule: TitleRule) -> Glossary:
    """The terms of a glossary that count at the level of a rule; empty without a file."""
    if file is None or file.version is None:
        return Glossary()
    return _glossary(_Content(file.version, rule.level, file.terms))


@dataclass(frozen=True)
class _Content:
    """What a glossary says; asked for again and again, for every video and language."""

    version: str
    level: str
    terms: Sequence[Mapping[str, Any]] = field(compare=False)


@lru_cache(maxsize=256)
def _glossary(content: _Content) -> Glossary:
    glossary = Glossary(tuple(Term(**item) for item in content.terms))
    return glossary if content.level == "speech" else glossary.of_captions()


def terms_are_known(file: GlossaryFile, captions: Captions) -> bool:
    """Whether the captions were looked through for the terms of this very glossary."""
    return captions.glossary_version == file.version


def demanded(file: GlossaryFile, rule: TitleRule, captions: Captions, language: str) -> str | None:
    """The version of what the glossary demands of the translation of these captions."""
    return demands_version(glossary_in(file, rule), captions.glossary_terms or {}, language)


def require_glossary(pipeline: Pipeline, titles: Collection[str]) -> None:
    """Raise `ConfigurationError` for titles without videos whose rule names a glossary."""
    without = sorted(set(titles) - {video.title for video, _ in _ruled(pipeline, titles)})
    if without:
        raise ConfigurationError(
            f"No video is known of {', '.join(map(repr, without))} whose rule in the catalog file "
            "has a glossary. `translation-pipeline plan` lists videos; docs/catalog.md shows the "
            "field."
        )


def touched_by(
    pipeline: Pipeline, new: Glossary, titles: Collection[str] | None = None
) -> Iterator[TouchedVideo]:
    """The videos that would be translated anew if these titles had the glossary `new`.

    Reads the captions; plans and writes nothing. Raises `StorageError`.
    """
    files = pipeline.inventory.glossaries()
    ruled = _ruled(pipeline, titles)
    captions = source_captions(pipeline, _by_name(ruled), titles)
    for video, rule in ruled:
        row = captions.get((video.title, video.video))
        if row is None:
            continue
        old = glossary_in(glossary_file(pipeline, rule, video.title, files), rule)
        other = new if rule.level == "speech" else new.of_captions()
        cues = {video.video: _cues(pipeline, row)}
        for item in impact(old, other, cues, rule.target_languages):
            yield TouchedVideo(
                video.title, item.video, item.languages, item.terms, item.cue_numbers
            )


def counts_for(rule: TitleRule) -> bool:
    """Whether what is translated is known before: the captions of the source, in a file."""
    return rule.captions == "review" or (
        rule.captions == "provided" and rule.provided_srt_is in (None, "source")
    )


def source_captions(
    pipeline: Pipeline, rules: Mapping[tuple[str, str], TitleRule], titles: Collection[str] | None
) -> dict[tuple[str, str], Captions]:
    """The usable captions in the language of the source, by title and video, where it has any."""
    found = {}
    for row in pipeline.inventory.captions(titles):
        rule = rules.get((row.title, row.video))
        if (
            rule is not None
            and counts_for(rule)
            and row.usable_key is not None
            and row.language == rule.source_language
        ):
            found[row.title, row.video] = row
    return found


def _ruled(pipeline: Pipeline, titles: Collection[str] | None) -> list[tuple[Video, TitleRule]]:
    """Videos whose rule names a glossary."""
    if not any(rule.glossary for rule in pipeline.catalog.titles):
        return []
    ruled = [
        (video, rule_of(pipeline.catalog, video)) for video in pipeline.inventory.videos(titles)
    ]
    return [(video, rule) for video, rule in ruled if rule is not None and rule.glossary]


def _present(
    pipeline: Pipeline, addresses: Collection[ObjectAddress]
) -> dict[ObjectAddress, str | None]:
    """The etag of each address, None where nothing is; by one listing per folder."""
    folders: dict[tuple[str, str], dict[str, str]] = {}
    found: dict[ObjectAddress, str | None] = {}
    for address in sorted(addresses, key=lambda address: address.key):
        at = (address.bucket, address.key.rpartition("/")[0])
        if at not in folders:
            prefix = f"{at[1]}/" if at[1] else ""
            folders[at] = {item.key: item.etag for item in pipeline.storage.list(at[0], prefix)}
        found[address] = folders[at].get(address.key)
    return found


def _read(pipeline: Pipeline, address: ObjectAddress, etag: str | None) -> GlossaryFile | None:
    """The row for one glossary; None while OSS does not answer."""
    row = GlossaryFile(
        bucket=address.bucket,
        key=address.key,
        etag=etag,
        version=None,
        terms=[],
        problem=None,
        changed_at=utc_now(),
    )
    try:
        if etag is None:
            raise ConfigurationError(
                "it was deleted. Put it back; or, if the title shall have no glossary, put an "
                "empty file there"
            )
        glossary = _parsed(pipeline.storage.get(address), address.key)
    except StorageAway:
        return None
    except (ConfigurationError, StorageError) as error:
        problem = "; ".join(str(error).split("\n"))
        row.problem = f"The glossary {address.to_oss()} cannot be used: {problem}."
        return row
    row.version = glossary.version
    row.terms = [asdict(item) for item in glossary.terms]
    return row


def _parsed(data: bytes, name: str) -> Glossary:
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{name} has {len(data):,} bytes, which is no glossary")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name} is no UTF-8 text ({error}). Save it as UTF-8") from None
    return parse_glossary(text, name)


def _by_name(
    ruled: Collection[tuple[Video, TitleRule]],
) -> dict[tuple[str, str], TitleRule]:
    return {(video.title, video.video): rule for video, rule in ruled}


def _look_for_terms(
    pipeline: Pipeline,
    ruled: Collection[tuple[Video, TitleRule]],
    titles: Collection[str] | None,
) -> list[Captions]:
    """The captions in which the terms of another glossary were looked for before, or none."""
    if not ruled:
        return []
    files = pipeline.inventory.glossaries()
    rules = _by_name(ruled)
    looked = []
    for name, row in source_captions(pipeline, rules, titles).items():
        rule = rules[name]
        file = glossary_file(pipeline, rule, row.title, files)
        if file is None or file.version is None or terms_are_known(file, row):
            continue
        try:
            cues = _cues(pipeline, row)
        except StorageError:
            continue
        found = occurrences(glossary_in(file, rule), cues)
        row.glossary_version = file.version
        row.glossary_terms = {term: list(numbers) for term, numbers in found.items()}
        looked.append(row)
    return looked


def _cues(pipeline: Pipeline, row: Captions) -> tuple[Cue, ...]:
    """The cues of the usable copy."""
    assert row.usable_key is not None  # noqa: S101 - only usable captions are asked for
    address = ObjectAddress(pipeline.catalog.output_bucket, row.usable_key)
    return parse_srt(pipeline.storage.get(address), row.language).cues
