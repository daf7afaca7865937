"""The endpoints: do they answer, are they in the region that is set, and is the clock right?"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from translation_pipeline.doctor.findings import Finding, misconfigured, well, wrong
from translation_pipeline.settings import PREFIX, Settings

TIMEOUT_S = 10.0
MAX_SKEW_S = 15 * 60  # more, and every signature is refused (ims.md section 11)
NOTEWORTHY_SKEW_S = 60
OSS, IMS = "OSS endpoint", "IMS endpoint"
PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
UNCHECKED = "What lies behind it is not checked until then."
REGION_OF_HOST = re.compile(
    r"(?:oss-(?!accelerate)|ice(?:-vpc)?\.)(?P<region>[a-z]+(?:-[a-z0-9]+)+?)(?:-internal)?"
    r"\.aliyuncs\.com"
)


def check_network(settings: Settings, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """One unsigned request to each endpoint: any answer will do."""
    ims = f"{settings.ims_protocol.lower()}://{settings.ims_endpoint}"
    skews_s = []
    for name, url in ((OSS, _with_scheme(settings.oss_endpoint)), (IMS, ims)):
        region = region_of(url)
        if region not in (None, settings.region):
            yield _elsewhere(name, url, f"{region}, but {PREFIX}REGION is {settings.region}.")
            continue
        try:
            date = _date_of_answer(url)
        except (OSError, HTTPException, ValueError) as error:
            yield _away(name, url, error)
            continue
        yield well(name, f"{url} answers; the region is {settings.region}.")
        if date is not None:
            skews_s.append(date - now())
    yield from _clock(skews_s)


def check_proxies(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Say that a proxy will be used: the SDK of IMS uses it even where NO_PROXY forbids it."""
    found = [name for name in PROXIES if environment.get(name)]
    if found:
        yield well(
            "proxy",
            f"{', '.join(found)} is set. The SDK of IMS obeys it and ignores NO_PROXY.",
            "Unset it if the endpoints are reached without a proxy.",
        )


def region_of(url: str) -> str | None:
    """The region that an address of Alibaba Cloud names; None where it names none."""
    found = REGION_OF_HOST.search(url)
    return found["region"] if found else None


def _with_scheme(endpoint: str) -> str:
    """oss2 takes a bare host, too."""
    return endpoint if "://" in endpoint else f"http://{endpoint}"


def _date_of_answer(url: str) -> float | None:
    """The Date of an answer, unix seconds. Raises `OSError` when there is none."""
    request = Request(url, method="HEAD")  # noqa: S310 - an endpoint of the settings
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            date = answer.headers.get("Date")
    except HTTPError as refused:  # who does not sign is refused, but answered
        with refused:
            date = refused.headers.get("Date")
    return parsedate_to_datetime(date).timestamp() if date else None


def _setting(name: str) -> str:
    return f"{PREFIX}{name.partition(' ')[0]}_ENDPOINT"


def _away(name: str, url: str, error: Exception) -> Finding:
    reason = getattr(error, "reason", None) or error
    inside = "-internal." in url or "-vpc." in url
    advice = f"Check {_setting(name)}, the network and its firewall. {UNCHECKED}"
    if inside:
        advice += " This address answers only inside Alibaba Cloud, in its own region."
    return wrong(name, f"{url} does not answer: {reason}.", advice)


def _elsewhere(name: str, url: str, regions: str) -> Finding:
    advice = f"Make {PREFIX}REGION and {_setting(name)} agree. {UNCHECKED}"
    return misconfigured(name, f"{url} is in {regions}", advice)


def _clock(skews_s: list[float]) -> Iterator[Finding]:
    if not skews_s:
        return
    skew_s = max(skews_s, key=abs)
    words = f"This machine's clock differs from the server's by {abs(skew_s):.0f} s."
    advice = "Set the clock, best by NTP: beyond 15 minutes every signature is refused."
    if abs(skew_s) > MAX_SKEW_S:
        yield wrong("clock", words, advice)
    else:
        yield well("clock", words, advice if abs(skew_s) > NOTEWORTHY_SKEW_S else "")
