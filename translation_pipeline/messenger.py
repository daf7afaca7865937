"""Messages to people, through whatever they use: apprise speaks DingTalk, Slack, mail, webhooks.

The addresses hold secrets: they are never logged, and no error names them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from translation_pipeline.errors import ConfigurationError, MessageNotSent

LOGGERS = ("apprise", "urllib3")  # their lines name hosts, paths and tokens
VARIABLE = "TRANSLATION_PIPELINE_NOTIFY"


def send(addresses: Sequence[str], title: str, body: str) -> list[int]:
    """Send a message in Markdown to all addresses; returns the numbers of those, counted from 1,
    that did not take it.

    Raises `ConfigurationError` for an address that apprise does not understand, before anything
    is sent, and `MessageNotSent` when nobody could be reached.
    """
    import apprise

    receivers = [apprise.Apprise() for _ in addresses]
    for number, (receiver, address) in enumerate(zip(receivers, addresses, strict=True), start=1):
        with _silenced():
            understood = receiver.add(address)
        if not understood:
            raise ConfigurationError(
                f"Address {number} in {VARIABLE} is none that apprise knows. Write it as the "
                "documentation of apprise says, such as dingtalk://token, and separate addresses "
                "by spaces."
            )
    markdown = apprise.NotifyFormat.MARKDOWN
    with _silenced():
        failed = [
            number
            for number, receiver in enumerate(receivers, start=1)
            if not receiver.notify(title=title, body=body, body_format=markdown)
        ]
    if len(failed) == len(receivers):
        raise MessageNotSent(
            f"None of the {len(receivers)} receivers in {VARIABLE} took the message. It is sent "
            "again at the next tick. Look at the addresses, and whether the receivers can be "
            "reached from here."
        )
    return failed


@contextmanager
def _silenced() -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
