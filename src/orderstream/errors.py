"""The exceptions shown to users: one small hierarchy. Errors of libraries are converted where they occur."""

# What the exit status of a command means.
STATUSES = {
    0: "The command did what was asked, and found nothing wrong.",
    1: "The command worked, but the result is bad: an alarm is on, a record is missing, a check failed, an"
    " order was not sent or does not exist.",
    2: "The input is invalid: a command, an option, a file, an order; or a confirmation is missing.",
    3: "The cloud failed: no stack, no credentials, no response, a damaged object, a failed deployment.",
    4: "There was nothing to check or to replay, so there is no result.",
}


class OrderstreamError(Exception):
    """An error that the user can act on.

    `message` describes what happened in one line; `hint` (may be empty) describes what to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotFoundError(OrderstreamError):
    """The requested order, customer or file does not exist."""


class InputError(OrderstreamError):
    """The user's input is invalid: a file, an option or an order."""

    exit_code = 2


class CloudError(OrderstreamError):
    """A cloud operation failed: no stack, no credentials, no response, or the request was refused."""

    exit_code = 3


class DeploymentError(CloudError):
    """A stack cannot be deployed or removed in its current state, or CloudFormation or SAM CLI failed."""


class NotConfirmedError(InputError):
    """The user did not confirm an irreversible operation."""


class DamagedError(CloudError):
    """The content of an object in the bucket is not what was written."""


class EmptyError(OrderstreamError):
    """There was nothing to check or to replay, so the result is neither success nor failure."""

    exit_code = 4


class CheckFailedError(OrderstreamError):
    """A check of `orders stack accept` found an unexpected result."""


class NotShownError(OrderstreamError):
    """A check of `orders stack accept` cannot be made in the environment where it runs."""
