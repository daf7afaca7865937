"""The buckets of the catalog file: where they are, and what this account may do in them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.config import Catalog
from translation_pipeline.doctor.findings import Finding, misconfigured, well, wrong
from translation_pipeline.errors import AccessRefused, BucketUnusable, StorageError
from translation_pipeline.storage import Storage

PROBE = "translation-pipeline-doctor-"  # docs/ram-policy.md grants deleting these
CONTENT = b"ok"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that the pipeline works in; all are read."""

    bucket: str
    prefix: str
    is_listed: bool
    is_written: bool

    def __str__(self) -> str:
        return f"oss://{self.bucket}/{self.prefix}"


def places_of(catalog: Catalog) -> list[Place]:
    """Every place that the catalog file speaks of, each once with all that is done there."""
    source, results = catalog.bucket, catalog.output_bucket
    listed = [(results, catalog.review_prefix)]
    written = [(results, catalog.captions_prefix)]
    for rule in catalog.titles:
        listed.append((source, rule.match.literal_prefix))
        if rule.provided_srt is not None:
            listed.append((source, rule.provided_srt.literal_prefix))
        written.append((results, rule.output_pattern.literal_prefix))
    return [
        Place(bucket, prefix, (bucket, prefix) in listed, (bucket, prefix) in written)
        for bucket, prefix in dict.fromkeys([*listed, *written])
    ]


def check_buckets(storage: Storage, catalog: Catalog, *, write: bool) -> Iterator[Finding]:
    """Look at each bucket, then list, read and (with `write`) write and delete a few bytes.

    Rights in a bucket that cannot be used are not tried.
    """
    for bucket in dict.fromkeys((catalog.bucket, catalog.output_bucket)):
        found = _bucket(storage, bucket)
        yield found
        if found.ok:
            for place in places_of(catalog):
                if place.bucket == bucket:
                    yield _rights(storage, place, write=write)


def _bucket(storage: Storage, bucket: str) -> Finding:
    name = f"bucket {bucket}"
    try:
        storage.require_bucket(bucket)
    except BucketUnusable as error:
        return misconfigured(name, str(error), "Correct the catalog file or the settings.")
    except AccessRefused as error:
        return wrong(name, str(error), f"Grant oss:GetBucketInfo on acs:oss:*:*:{bucket}.")
    except StorageError as error:
        return wrong(name, str(error), "The lines on keys, clock and endpoints tell more.")
    return well(name, f"It is there, in {storage.region}.")


def _rights(storage: Storage, place: Place, *, write: bool) -> Finding:
    """The rights in one place, each by a real call."""
    probe = ObjectAddress(place.bucket, f"{place.prefix}{PROBE}{secrets.token_hex(4)}")
    calls: list[tuple[str, str, Callable[[], object]]] = []
    objects = f"acs:oss:*:*:{place.bucket}/{place.prefix}*"
    if place.is_listed:
        calls.append(
            (
                "oss:ListObjects",
                f"acs:oss:*:*:{place.bucket}",
                lambda: next(storage.list(place.bucket, place.prefix), None),
            )
        )
    # An object that is absent is looked for with the same right as one that is there.
    calls.append(("oss:GetObject", objects, lambda: storage.head(probe)))
    if place.is_written and write:
        calls.append(("oss:PutObject", objects, lambda: storage.put(probe, CONTENT)))
        calls.append(("oss:DeleteObject", f"{objects}{PROBE}*", lambda: storage.delete(probe)))
    for right, resource, call in calls:
        error = _refusal(call)
        if isinstance(error, AccessRefused):
            left = f" The object {probe.to_oss()} stays." if right == "oss:DeleteObject" else ""
            return wrong(str(place), f"{error}{left}", f"Grant {right} on {resource}.")
        if error is not None:
            return wrong(str(place), str(error), "Try again; if it stays so, ask who runs OSS.")
    names = ", ".join(right.partition(":")[2] for right, _, _ in calls)
    if not place.is_written:
        return well(str(place), f"{names}: allowed.")
    if not write:
        return well(str(place), f"{names}: allowed; writing was not tried.")
    return well(
        str(place), f"{names}: allowed; {len(CONTENT)} bytes were written and deleted again."
    )


def _refusal(call: Callable[[], object]) -> StorageError | None:
    try:
        call()
    except StorageError as error:
        return error
    return None
