"""The environment, parsed once into one frozen object.

Secrets are not settings: access keys come from the Alibaba credentials chain (environment,
profile, RAM role, OIDC) at the moment a client is made, and are never kept here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from translation_pipeline.errors import ConfigurationError

PREFIX = "TRANSLATION_PIPELINE_"

# Regions that serve video translation and caption extraction (ims.md section 2).
IMS_REGIONS = (
    "cn-shanghai",
    "cn-beijing",
    "cn-hangzhou",
    "cn-shenzhen",
    "ap-southeast-1",
    "us-west-1",
)
# Sources contradict each other on it (ims.md section 4.6); docs/settings.md says how to find out.
SUBTITLE_Y_FROM = ("top", "bottom")

# What Dagster takes for an owner.
OWNER = re.compile(r"team:\S+|[A-Za-z0-9_][A-Za-z0-9._%+-]*@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")

# A person decides; or the setting did: give up, or send again and perhaps pay twice.
WHEN_UNKNOWN = ("ask", "fail", "send-again")


@dataclass(frozen=True)
class Pace:
    """How hard a run may push; rates and numbers are per account, over all processes."""

    poll_interval_s: float = 10.0
    submits_per_s: float = 20.0
    jobs_in_flight: int = 10_000
    reconcile_after_s: float = 10.0
    """A service lists a new job with some delay; nobody looks for a lost one sooner than this."""
    lease_s: float = 60.0
    """A process that did not renew its claims for so long is dead; others take its jobs over."""
    when_unknown: str = "ask"
    """What becomes of jobs without any proof past their deadline; one of `WHEN_UNKNOWN`."""


@dataclass(frozen=True)
class Nightly:
    """When the nightly run starts."""

    hour: int = 3
    minute: int = 0
    time_zone: str = "UTC"


@dataclass(frozen=True)
class Settings:
    """Where things are and how hard to push; see `docs/settings.md` for each variable."""

    home: Path
    catalog_path: Path
    account: str
    region: str
    oss_endpoint: str
    ims_endpoint: str
    ims_protocol: str
    database_url: str
    pace: Pace = Pace()
    signed_url_s: int = 3600
    listing_s: float = 1.2
    """How long a sensor's tick may list, once the catalog was listed whole for the first time."""
    settle_s: float = 30.0
    """A video that was written less than so long ago may still be uploaded: it is left alone."""
    nightly: Nightly | None = Nightly()
    owners: tuple[str, ...] = ("team:localization",)
    """Whom Dagster's UI names as the owners of the assets: e-mail addresses, or `team:NAME`."""
    notify: tuple[str, ...] = field(default=(), repr=False)
    """Addresses of apprise; they hold secrets."""
    max_video_gb: float = 2.0
    max_video_hours: float = 2.0
    """Larger and longer videos are set aside before they are paid for (ims.md section 4.8)."""
    speech_model: str | None = None
    """A Whisper model, by folder or name, that tells which language an output speaks."""
    inspect_share: float = 1.0
    """The share of delivered outputs, 0 to 1, whose pictures and sound are looked at."""
    subtitle_y_from: str = "top"
    """The edge from which IMS counts a subtitle's Y; one of `SUBTITLE_Y_FROM`."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; raises `ConfigurationError` naming the variable that is wrong."""
        env = os.environ if environment is None else environment
        home = Path(env.get(PREFIX + "HOME", ".translation_pipeline")).expanduser().resolve()
        region = env.get(PREFIX + "REGION", "cn-shanghai")
        if region not in IMS_REGIONS:
            raise ConfigurationError(
                f"{PREFIX}REGION is {region!r}, where IMS does not translate videos. "
                f"Choose one of {', '.join(IMS_REGIONS)}."
            )
        protocol, host = _split_endpoint(
            PREFIX + "IMS_ENDPOINT",
            env.get(PREFIX + "IMS_ENDPOINT", f"https://ice.{region}.aliyuncs.com"),
        )
        return cls(
            home=home,
            catalog_path=Path(env.get(PREFIX + "CATALOG", "catalog.yaml")).expanduser().resolve(),
            account=env.get(PREFIX + "ACCOUNT", "default"),
            region=region,
            oss_endpoint=env.get(PREFIX + "OSS_ENDPOINT", f"https://oss-{region}.aliyuncs.com"),
            ims_endpoint=host,
            ims_protocol=protocol,
            database_url=_database_url(env, home),
            pace=Pace(
                poll_interval_s=_positive(env, "POLL_INTERVAL_S", Pace.poll_interval_s),
                submits_per_s=_positive(env, "SUBMITS_PER_S", Pace.submits_per_s),
                jobs_in_flight=int(_positive(env, "JOBS_IN_FLIGHT", Pace.jobs_in_flight)),
                reconcile_after_s=_positive(env, "RECONCILE_AFTER_S", Pace.reconcile_after_s),
                lease_s=_positive(env, "LEASE_S", Pace.lease_s),
                when_unknown=_one_of(env, "WHEN_UNKNOWN", WHEN_UNKNOWN),
            ),
            signed_url_s=int(_positive(env, "SIGNED_URL_S", 3600)),
            listing_s=_positive(env, "LISTING_S", cls.listing_s),
            settle_s=_positive(env, "SETTLE_S", cls.settle_s, or_zero=True),
            nightly=_nightly(env),
            owners=_owners(env),
            notify=tuple(env.get(PREFIX + "NOTIFY", "").split()),
            max_video_gb=_positive(env, "MAX_VIDEO_GB", cls.max_video_gb),
            max_video_hours=_positive(env, "MAX_VIDEO_HOURS", cls.max_video_hours),
            speech_model=env.get(PREFIX + "SPEECH_MODEL") or None,
            inspect_share=min(1.0, _positive(env, "INSPECT_SHARE", 1.0, or_zero=True)),
            subtitle_y_from=_one_of(env, "SUBTITLE_Y_FROM", SUBTITLE_Y_FROM),
        )


def _split_endpoint(variable: str, endpoint: str) -> tuple[str, str]:
    """(`HTTP` or `HTTPS`, host[:port]): the SDK wants them apart (sdk-wire.md A1)."""
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/"):
        raise ConfigurationError(
            f"{variable} is {endpoint!r}; write it as https://ice.<region>.aliyuncs.com."
        )
    return parts.scheme.upper(), parts.netloc


def _database_url(env: Mapping[str, str], home: Path) -> str:
    """The ledger's database: its own URL, else Dagster's PostgreSQL, else a file in the home."""
    url = env.get(PREFIX + "DATABASE_URL") or env.get("DAGSTER_POSTGRES_URL")
    if not url:
        return f"sqlite:///{home / 'ledger.db'}"
    for plain in ("postgres://", "postgresql://"):
        if url.startswith(plain):
            # SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3; psycopg2 is what ships here.
            return "postgresql+psycopg2://" + url[len(plain) :]
    return url


def _one_of(env: Mapping[str, str], name: str, words: Sequence[str]) -> str:
    """The word of a setting; the first of `words` when it is not set."""
    word = env.get(PREFIX + name, words[0])
    if word not in words:
        raise ConfigurationError(f"{PREFIX}{name} is {word!r}; choose one of {', '.join(words)}.")
    return word


def _owners(env: Mapping[str, str]) -> tuple[str, ...]:
    text = env.get(PREFIX + "OWNERS")
    if text is None:
        return Settings.owners
    owners = tuple(text.split())
    for owner in owners:
        if not OWNER.fullmatch(owner):
            raise ConfigurationError(
                f"{PREFIX}OWNERS names {owner!r}, which is neither an e-mail address nor a team. "
                "Write them separated by spaces, such as team:localization mara@example.com."
            )
    return owners


def _nightly(env: Mapping[str, str]) -> Nightly | None:
    """Hour, minute and zone; None for `off`."""
    at = env.get(PREFIX + "NIGHTLY_AT", "03:00")
    if at == "off":
        return None
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", at)
    if found is None:
        raise ConfigurationError(
            f"{PREFIX}NIGHTLY_AT is {at!r}; write a time of day such as 03:00, or off."
        )
    zone = env.get(PREFIX + "TIME_ZONE", Nightly.time_zone)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f"{PREFIX}TIME_ZONE is {zone!r}; write a name such as Asia/Shanghai."
        ) from None
    return Nightly(int(found[1]), int(found[2]), zone)


def _positive(env: Mapping[str, str], name: str, default: float, *, or_zero: bool = False) -> float:
    text = env.get(PREFIX + name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0 or (value == 0 and not or_zero):
        least = "of 0 or more" if or_zero else "above 0"
        raise ConfigurationError(f"{PREFIX}{name} is {text!r}; it must be a number {least}.")
    return value
