"""IAM users of a guarded local cloud."""

from __future__ import annotations

import json
import re
import uuid

from reference import PROJECT

from orderstream.aws.stack import describe_stack
from orderstream.local.cloud import ACCOUNT, REGION, LocalCloud
from tests.integration.probes import make_user

PAGE = (PROJECT / "docs/reference/policies.md").read_text()
POLICIES = dict(re.findall(r"^```json (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))

Keys = tuple[str, str]


def user(local: LocalCloud, *kinds: str, **more: str) -> Keys:
    """The keys of somebody who may do what the page says that all of these need.

    `more` are names for other words of the page, with _ for a hyphen.
    """
    statements = [one for kind in kinds for one in json.loads(POLICIES[kind])["Statement"]]
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    found = describe_stack(local.cloud, local.deployment.name)
    assert found
    names = {"REGION": REGION, "ACCOUNT": ACCOUNT, "BUCKET": local.deployment.bucket}
    names["DISCARDED"] = local.deployment.discarded_bucket
    names |= {word.replace("_", "-"): name for word, name in more.items()}
    # Of https://API.execute-api.…
    names["API/"] = found.outputs["ApiUrl"].partition("//")[2].partition(".")[0] + "/"
    for word, name in names.items():
        text = text.replace(word, name)
    return make_user(local, f"{kinds[-1]}-{uuid.uuid4().hex[:8]}", text)
