# ruff: noqa: N818  (the names say what happened, as in Starlette and procrastinate)
"""Every failure a user can meet, as one tree.

The docstring of a class says what it means for the person who sees it; the text of an instance
says what failed, where, and what to do next. `exit_code` is what the command line ends with:
1 an item failed, 2 wrong use or configuration, 3 try again later, 4 stopped by a budget.
"""

from __future__ import annotations

from typing import ClassVar


class TranslationPipelineError(Exception):
    """Something failed for one video, file or job. Others are not affected."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(TranslationPipelineError):
    """A setting, a file or an argument must be changed by a person before anything can run."""

    exit_code: ClassVar[int] = 2


class CatalogInvalid(ConfigurationError):
    """The catalog file has problems. All of them are listed, each with its field and remedy."""


class AddressInvalid(ConfigurationError):
    """An object address is not one that the services can read. The text says how to write it."""


class CaptionsUnreadable(TranslationPipelineError):
    """A caption file holds no captions that can be read. The text says what it is instead."""


class TryAgainLater(TranslationPipelineError):
    """A service is busy or away. Nothing is wrong with the work; run the same again later."""

    exit_code: ClassVar[int] = 3


class BudgetExceeded(TranslationPipelineError):
    """The work would cost more than a person allowed. All of it was refused, none was sent."""

    exit_code: ClassVar[int] = 4


class StorageError(TranslationPipelineError):
    """OSS refused a call. The text names the object and what OSS said."""


class StorageAway(StorageError, TryAgainLater):
    """OSS did not answer, or is overloaded. The same call may succeed later."""

    exit_code: ClassVar[int] = TryAgainLater.exit_code


class AccessRefused(StorageError):
    """RAM does not let this account do it. docs/ram-policy.md names the right that is missing."""


class BucketUnusable(StorageError, ConfigurationError):
    """The bucket does not exist, or is in another region than the settings say."""

    exit_code: ClassVar[int] = ConfigurationError.exit_code


class ObjectMissing(StorageError):
    """The object is not in the bucket: it was deleted or renamed since it was listed."""


class MessageNotSent(TranslationPipelineError):
    """No receiver of notifications could be reached. The message is sent again later."""


class LedgerError(TranslationPipelineError):
    """The ledger was asked for a change that its rules do not allow. Nothing was changed."""


class ProviderError(TranslationPipelineError):
    """A paid service answered a call with an error. `code` is the service's own word for it."""

    def __init__(self, code: str, message: str, request_id: str | None = None) -> None:
        self.code = code
        self.message = message
        self.request_id = request_id
        super().__init__(f"{code}: {message}" + (f" (request {request_id})" if request_id else ""))


class CallRefused(ProviderError):
    """The service refused the call: certainly nothing was started and nothing is billed."""


class CallThrottled(ProviderError):
    """The service asked to slow down: nothing was started; the call is repeated later."""

    def __init__(
        self,
        code: str,
        message: str,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(code, message, request_id)


class OutcomeUnknown(ProviderError):
    """The call broke off: the service may or may not have started (and billed) a job."""


class OutputRefused(TranslationPipelineError):
    """A service reports success, but its output is not what was asked for. It does not count."""


class OutputMissing(OutputRefused):
    """A service reports success, but its output is not in the bucket (yet)."""
