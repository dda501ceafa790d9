"""Sign requests that have no query with AWS's Signature Version 4.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
from collections.abc import Mapping
from hmac import digest
from typing import NamedTuple

ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """Credentials of AWS; temporary ones have a token."""

    access_key: str
    secret_key: str
    token: str | None = None


class Signer:
    """Signs the requests to one service in one region; it may be shared by threads."""

    def __init__(self, service: str, region: str) -> None:
        self._service = service
        self._region = region
        # The key of the day, and of which secret and day it is; replaced as a whole.
        self._derived = ("", "", b"")

    def authorization(
        self, credentials: Credentials, method: str, path: str, headers: Mapping[str, str], body_hash: str
    ) -> str:
        """The header Authorization.

        `path` is as it is sent, percent-encoded. `headers` are those to sign, with lower-case names; `host`
        and `x-amz-date` are among them. `body_hash` is the SHA-256 of the body in hex.
        """
        names = sorted(headers)
        signed = ";".join(names)
        lines = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
        request = f"{method}\n{path}\n\n{lines}\n{signed}\n{body_hash}"
        moment = headers["x-amz-date"]
        scope = f"{moment[:8]}/{self._region}/{self._service}/aws4_request"
        to_sign = f"{ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = self._key(credentials.secret_key, moment[:8])
        signature = digest(key, to_sign.encode(), "sha256").hex()
        return (
            f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )

    def _key(self, secret: str, day: str) -> bytes:
        of_secret, of_day, key = self._derived
        if of_secret != secret or of_day != day:
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = digest(key, part.encode(), "sha256")
            self._derived = (secret, day, key)
        return key
