"""Links to what belongs to a title, made when a person asks: signed, short-lived, never kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from translation_pipeline.catalog.addresses import ObjectAddress, parse_address
from translation_pipeline.errors import ConfigurationError, ObjectMissing
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import EXTRACTION
from translation_pipeline.stages.delivery import SIDECARS, sidecar_of
from translation_pipeline.stages.review import all_places
from translation_pipeline.storage import Storage

LOOKS_AT_ONCE = 16  # an object is looked up before a link to it is made


@dataclass(frozen=True)
class Thing:
    """An object of a video, and what it is; `language` is empty for the source video."""

    title: str
    video: str
    what: str
    language: str
    address: ObjectAddress


@dataclass(frozen=True)
class Link:
    """A thing that is there, and a GET address of it that needs no keys: treat it as a secret."""

    thing: Thing
    url: str = field(repr=False)


def links_of_title(
    pipeline: Pipeline,
    title: str,
    videos: Collection[str] = (),
    languages: Collection[str] = (),
) -> Iterator[Link]:
    """Links to all that is there of a title: source videos, captions, outputs.

    Of some videos or languages only, if they are named; sources belong to every language. Raises
    `ConfigurationError` for a title, video or language that nothing is known of.
    """
    found = _things(pipeline, title)
    _require("title", {title}, {thing.title for thing in found}, "")
    _require("video", videos, {thing.video for thing in found}, f" of {title!r}")
    _require("language", languages, {thing.language for thing in found}, f" of {title!r}")
    asked = [
        thing
        for thing in found
        if (not videos or thing.video in videos)
        and (not languages or thing.language in ("", *languages))
    ]
    public = pipeline.storage.public()
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        heads = pool.map(pipeline.storage.head, [thing.address for thing in asked])
        for thing, head in zip(asked, heads, strict=True):
            if head is not None:
                yield Link(thing, public.signed_url(thing.address))


def link_of_object(storage: Storage, named: str) -> Link:
    """A link to one object by its address; raises `AddressInvalid` and `ObjectMissing`."""
    address = parse_address(named, region=storage.region)
    if storage.head(address) is None:
        raise ObjectMissing(f"There is no object {address.to_oss()}: look for it in the bucket.")
    thing = Thing("", "", "object", "", address)
    return Link(thing, storage.public().signed_url(address))


def _things(pipeline: Pipeline, title: str) -> list[Thing]:
    """What there may be of a title, video by video, the source first."""
    found = [
        Thing(title, video.video, "source", "", ObjectAddress(video.bucket, video.key))
        for video in pipeline.inventory.videos([title])
    ]
    for place in all_places(pipeline, [title]):
        what = f"{place.origin} captions"
        found.append(Thing(title, place.video.video, what, place.language, place.address))
    for wanted, _ in pipeline.inventory.wanted([title]):
        output = ObjectAddress(wanted.output_bucket, wanted.output_key)
        objects = [("captions to review", output)]
        if wanted.kind != EXTRACTION:
            objects = [("output", output)]
            objects += [(f"output {kind}", sidecar_of(output, kind)) for kind in SIDECARS]
            to_fix = (wanted.facts or {}).get("to_fix")
            objects += [("captions to correct", parse_address(to_fix))] if to_fix else []
        found += [Thing(title, wanted.video, what, wanted.language, one) for what, one in objects]
    return sorted(found, key=lambda thing: (thing.video, thing.language))


def _require(kind: str, asked: Collection[str], known: Collection[str], of: str) -> None:
    unknown = sorted(set(asked) - set(known))
    if unknown:
        raise ConfigurationError(
            f"Nothing is known of {kind} {', '.join(map(repr, unknown))}{of}. "
            "`translation-pipeline status` lists what there is."
        )
