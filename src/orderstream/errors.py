"""The errors a user can see: one small tree, raised where a foreign error enters the project."""


class OrderstreamError(Exception):
    """Something a user can act on.

    `message` says what happened in one line, `hint` (may be empty) what to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotFoundError(OrderstreamError):
    """The order, customer or file asked for is not there."""


class InputError(OrderstreamError):
    """What the user gave cannot be used: a file, an option, an order."""

    exit_code = 2


class CloudError(OrderstreamError):
    """The cloud cannot do it: no stack, no credentials, no answer, or it refused."""

    exit_code = 3


class DeploymentError(CloudError):
    """A stack cannot be deployed or removed as it is, or CloudFormation or SAM CLI failed at it."""


class NotConfirmedError(InputError):
    """Something that cannot be undone was not confirmed."""


class DamagedError(CloudError):
    """An object in the bucket does not hold what was written there."""


class EmptyError(OrderstreamError):
    """There was nothing to check or to replay: neither a success nor a failure of the orders."""

    exit_code = 4


class CheckFailedError(OrderstreamError):
    """A check of `orders accept` found something else than it should."""


class NotShownError(OrderstreamError):
    """What a check of `orders accept` is about cannot be shown where it runs."""
