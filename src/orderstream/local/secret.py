"""The secret of a local cloud: the session token that every request to it must carry."""

from __future__ import annotations

import secrets
from pathlib import Path

from orderstream.errors import CloudError
from orderstream.files import private

_FILE = "session-token"


def new_token() -> str:
    """Generate a token that cannot be guessed."""
    return secrets.token_urlsafe(32)


def token_of(state_dir: Path) -> str:
    """The token of the local cloud whose state is in `state_dir`, a new one at its first start.

    So clients keep working across a restart with the same data. Raises CloudError.
    """
    file = state_dir / _FILE
    try:
        private.make_folder(state_dir)
        if not file.exists():
            private.write(file, new_token().encode())
        return private.read(file).decode("ascii")
    except (OSError, UnicodeError) as error:
        raise CloudError(
            f"cannot keep anything in {state_dir}: {error}", hint="give another --state-dir"
        ) from error
