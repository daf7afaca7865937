"""The account: whose keys these are, and what they may do in IMS."""

from __future__ import annotations

from collections.abc import Iterator

from translation_pipeline.credentials import found_credentials
from translation_pipeline.doctor.findings import Finding, misconfigured, well, wrong
from translation_pipeline.errors import ConfigurationError
from translation_pipeline.providers.ims_rights import (
    PAID_ACTIONS,
    ProbedAction,
    Standing,
    probe_actions,
)
from translation_pipeline.settings import PREFIX, Settings

POLICY = "docs/ram-policy.md"


def check_credentials() -> Finding:
    """Which member of the credentials chain answered; no secret is shown."""
    try:
        found = found_credentials()
    except ConfigurationError as error:
        return misconfigured("credentials", str(error), "docs/settings.md tells the chain's order.")
    kind = "temporary keys" if found.is_temporary else "an access key"
    return well(
        "credentials", f"From {found.source}: {kind} that begins with {found.key_beginning}."
    )


def check_ims(settings: Settings) -> Iterator[Finding]:
    """Every IMS action that reads, and whether the service is activated at all."""
    probed = list(probe_actions(settings))
    yield _service(probed)
    for action in probed:
        if action.standing is Standing.ALLOWED:
            yield well(action.action, "May be called.")
        elif action.standing is Standing.DENIED:
            yield wrong(
                action.action, f"RAM denies it ({action.said}).", f"Grant it as in {POLICY}."
            )
    for name in PAID_ACTIONS:
        yield well(
            name,
            f"Not tried: an accepted call starts a job that costs. The policy in {POLICY} "
            "grants it.",
        )


def _service(probed: list[ProbedAction]) -> Finding:
    """What holds for the service as a whole, from the worst that any call brought."""
    by_standing = {action.standing: action.said for action in probed}
    name = "IMS service"
    if Standing.NOT_ACTIVATED in by_standing:
        return wrong(
            name,
            f"It is not activated ({by_standing[Standing.NOT_ACTIVATED]}).",
            "Activate Intelligent Media Services in the console with the account that pays, and "
            "buy a package if it asks for one; RAM rights do not help here.",
        )
    if Standing.KEY_REFUSED in by_standing:
        return misconfigured(
            name,
            f"It does not accept the keys ({by_standing[Standing.KEY_REFUSED]}).",
            "Check that key id and secret belong together and are active.",
        )
    if Standing.CLOCK_WRONG in by_standing:
        said = by_standing[Standing.CLOCK_WRONG]
        return wrong(name, f"It refuses the time of the calls ({said}).", "Set the clock.")
    if Standing.NOT_IMS in by_standing:
        return misconfigured(
            name,
            f"What answers there is not IMS ({by_standing[Standing.NOT_IMS]}).",
            f"Check {PREFIX}IMS_ENDPOINT.",
        )
    if Standing.AWAY in by_standing:
        said = by_standing[Standing.AWAY]
        return wrong(name, f"It did not answer as it should ({said}).", "Try again later.")
    return well(name, "It answers, and asks for no activation or package.")
