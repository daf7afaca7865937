"""The result files of simulated jobs, stored in batches without copying bytes."""

from __future__ import annotations

import mimetypes
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from translation_pipeline.captions.srt import Cue, compose_srt
from translation_pipeline.localcloud.addresses import ObjectAddress
from translation_pipeline.localcloud.blobs import BlobWriter
from translation_pipeline.localcloud.faults import MissingLanguage
from translation_pipeline.localcloud.index import abandon
from translation_pipeline.localcloud.jobs import Job, JobKind
from translation_pipeline.localcloud.objects import (
    DEFAULT_CONTENT_TYPE,
    Attributes,
    ObjectStore,
    StoredObject,
    place,
)
from translation_pipeline.localcloud.oss_errors import OssError
from translation_pipeline.localcloud.output_keys import output_key

MEDIA_ROLES = ("video", "audio")
CAPTIONS = compose_srt([Cue(0, 1000, "Instant captions")])


class OutputRefusedError(Exception):
    """The files of a job cannot be stored; `code` is what the job fails with."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Output:
    """One file that a job leaves: its key, and the object whose bytes it has (None: captions)."""

    role: str
    language: str
    key: str
    source: ObjectAddress | None

    def as_result(self) -> dict[str, str]:
        """As the engines record it."""
        return {"role": self.role, "language": self.language, "key": self.key}


def outputs_of(job: Job) -> list[Output]:
    """The files in the order in which they are stored, per language the video last."""
    media = job.inputs.get("video") or job.inputs.get("audio")
    if job.result is not None:
        return [
            Output(told["role"], told["language"], told["key"], _source(told["role"], media))
            for told in job.result["outputs"]
        ]
    return [
        Output(role, language, output_key(job.work, role, language, number), _source(role, media))
        for number, (role, language) in enumerate(_files(job), start=1)
    ]


def _files(job: Job) -> list[tuple[str, str]]:
    """Role and language of each file that the job leaves."""
    if job.kind is JobKind.CAPTION_EXTRACTION:
        return [("captions", name) for name in (["zh", "en"] if job.work["separate"] else [""])]
    captions = ["target_srt"]
    captions += ["fix_srt"] if job.work.get("for_fix") else []
    captions += ["bilingual_srt"] if job.work["bilingual"] else []
    media = [role for role in MEDIA_ROLES if role in job.inputs]
    roles = [*captions, *media] if media else ["subtitle"]
    languages = list(job.work["target_keys"])
    if job.fault(MissingLanguage):
        languages.pop()
    return [(role, language) for language in languages for role in roles]


def _source(role: str, media: ObjectAddress | None) -> ObjectAddress | None:
    return media if role in MEDIA_ROLES else None


class InstantOutputs:
    """Puts many objects at once: two transactions of the index, and per object one link."""

    def __init__(self, objects: ObjectStore, captions_path: Path) -> None:
        """`captions_path` is where the captions are written that all jobs share."""
        self._objects = objects
        self._captions = _captions_object(captions_path)

    def store(self, jobs: Sequence[tuple[Job, list[Output]]]) -> dict[int, OutputRefusedError]:
        """Store the files of jobs; by job number, why those of a job could not be."""
        refused: dict[int, OutputRefusedError] = {}
        names = [self._objects.blobs.new_name() for _, outputs in jobs for _ in outputs]
        unplaced = list(names)
        with self._objects.index.transaction() as rows:
            abandon(rows, names)
        try:
            linked = {job.number: self._linked(job, outputs, names) for job, outputs in jobs}
            with self._objects.index.transaction() as rows:
                for number, objects in linked.items():
                    placed = objects if isinstance(objects, Exception) else _placed(rows, objects)
                    if isinstance(placed, Exception):
                        refused[number] = placed
                    else:
                        unplaced += placed
        finally:
            self._objects.discard(unplaced)
        return refused

    def _linked(
        self, job: Job, outputs: list[Output], names: list[str]
    ) -> list[StoredObject] | OutputRefusedError:
        try:
            return [self._link(job, output, names.pop()) for output in outputs]
        except OutputRefusedError as error:
            return error

    def _link(self, job: Job, output: Output, name: str) -> StoredObject:
        """The object as it shall be, its bytes already in place. Raises OutputRefusedError."""
        while True:
            source = self._source(output)
            try:
                self._objects.blobs.link(source.path, name)
            except FileNotFoundError:  # the source was replaced since: look again
                continue
            return replace(
                source,
                bucket=job.output.bucket,
                key=output.key,
                last_modified=datetime.now(timezone.utc),
                attributes=Attributes(mimetypes.guess_type(output.key)[0] or DEFAULT_CONTENT_TYPE),
                path=self._objects.blobs.path(name),
            )

    def _source(self, output: Output) -> StoredObject:
        """The object with the bytes of `output`. Raises OutputRefusedError."""
        if output.source is None:
            return self._captions
        found = None
        with suppress(OssError):
            found = self._objects.head(output.source.bucket, output.source.key)
        if found is None:
            raise OutputRefusedError(
                "InputFileNotFound", f"{output.source} was deleted before the job ended."
            )
        return found


def _placed(
    rows: sqlite3.Connection, objects: list[StoredObject]
) -> list[str] | OutputRefusedError:
    """Write the rows of a job's files; the names of the blobs that they replace."""
    try:
        return [name for target in objects for name in place(rows, target, forbid_overwrite=False)]
    except OssError as error:
        key = ObjectAddress(objects[0].bucket, objects[0].key)
        return OutputRefusedError("OutputRefused", f"{key} cannot be written: {error}")


def _captions_object(path: Path) -> StoredObject:
    writer = BlobWriter(path)
    writer.write(CAPTIONS.encode())
    blob = writer.finish()
    return StoredObject(
        bucket="",
        key="",
        size=blob.size,
        etag=blob.md5,
        crc64=str(blob.crc64),
        type="Normal",
        last_modified=datetime.now(timezone.utc),
        attributes=Attributes(),
        path=path,
    )
