"""Who a job is: names that follow from content and parameters alone.

The same video content, captions, language and parameters give the same identity on every
machine, in every run and after every restart; changing any of them changes it. Keys and file
names are not part of it: a renamed video is not paid for again.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

# Letters and digits without look-alikes, as the service's guide uses for output names.
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
SHORT_LENGTH = 8
MARK_LENGTH = 32  # characters of a job's id in its mark
_MARK = re.compile(rf'{{"tp":"(?P<job>[0-9a-f]{{{MARK_LENGTH}}}):(?P<attempt>[0-9]{{1,9}})"}}')


@dataclass(frozen=True)
class JobIdentity:
    """Everything that decides what a job produces and who pays for it.

    `parameters` is plain JSON data; the order of its keys does not matter. `force` counts how
    often a person explicitly asked to pay again for the very same work.
    """

    provider: str
    account: str
    kind: str
    source_crc64: str
    source_size: int
    captions_sha256: str | None
    language: str | None
    level: str | None
    parameters: dict[str, Any] = field(default_factory=dict)
    glossary_version: str | None = None
    force: int = 0

    @cached_property
    def id(self) -> str:
        """64 hex characters."""
        canonical = json.dumps(
            {each.name: getattr(self, each.name) for each in fields(self)},
            sort_keys=True,
            ensure_ascii=True,
            separators=(",", ":"),
            allow_nan=False,
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


def short_id(job_id: str) -> str:
    """Eight characters of an alphabet without look-alikes, for output keys and UserData."""
    number = int(hashlib.sha256(job_id.encode()).hexdigest(), 16)
    letters = []
    for _ in range(SHORT_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)


def client_token(job_id: str, attempt: int) -> str:
    """The idempotency key of one attempt: 64 hex characters (ims.md section 4.1).

    Repeating the call of an attempt repeats the token. A new attempt, which the ledger allows
    only after the service itself reported the last one as failed, has a new token, since the old
    one would return the failed job again.
    """
    return hashlib.sha256(f"{job_id}:{attempt}".encode()).hexdigest()


def user_data(job_id: str, attempt: int) -> str:
    """The mark that the service returns with a job, well below its limit of 256 characters."""
    return json.dumps({"tp": f"{job_id[:MARK_LENGTH]}:{attempt}"}, separators=(",", ":"))


def marked_job(mark: str) -> tuple[str, int] | None:
    """The first characters of a job's id and its attempt, as `user_data` wrote them; None for a
    mark that is not ours."""
    found = _MARK.fullmatch(mark)
    return None if found is None else (found["job"], int(found["attempt"]))
