"""CloudFormation refuses YAML aliases: what reaches it has none, whoever deploys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import yaml
from samcli import yamlhelper

from orderstream.aws.clients import AwsClients
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.packaging import template_url
from orderstream.deploy.parameters import document

CODE = "s3://bucket/code"
MERGE = "tag:yaml.org,2002:merge"


class Bucket:
    """S3, which keeps the object that was put last."""

    meta = SimpleNamespace(endpoint_url="https://s3")
    body = b""

    def put_object(self, **request: Any) -> None:
        self.body = request["Body"]


def aliases(text: str) -> list[str]:
    """The anchors, aliases and merge keys of a YAML text."""
    return [
        str(event)
        for event in yaml.parse(text, Loader=yaml.SafeLoader)
        if getattr(event, "anchor", None) or getattr(event, "value", "") == "<<"
    ]


def test_orders_deploy_uploads_the_template_without_aliases() -> None:
    template = json.loads(json.dumps(document(TEMPLATE)))
    template["Resources"]["ProcessOrders"]["Properties"]["CodeUri"] = CODE
    bucket = Bucket()
    template_url(cast(AwsClients, SimpleNamespace(s3=bucket)), "orderstream", template)
    assert aliases(bucket.body.decode()) == []
    assert json.loads(bucket.body) == template


def test_a_repeated_part_can_be_changed_in_one_place() -> None:
    archive, discarded = (
        document(TEMPLATE)["Resources"][name]["Properties"]["BucketEncryption"]
        for name in ("Archive", "DiscardedBatches")
    )
    assert archive == discarded and archive is not discarded


def test_sam_package_and_sam_deploy_write_the_same_template_without_aliases() -> None:
    source = TEMPLATE.read_text()
    assert len(aliases(source)) > 100
    text = yamlhelper.yaml_dump(yamlhelper.yaml_parse(source))
    assert aliases(text) == []
    assert yamlhelper.yaml_parse(text) == document(TEMPLATE)


def mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for one in node.value:
            yield from mappings(one)


def keys(node: yaml.MappingNode) -> list[str]:
    """The keys of a mapping and of all that is merged into it."""
    found = []
    for key, value in node.value:
        if key.tag == MERGE:
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            found += [name for one in merged for name in keys(one)]
        else:
            found.append(key.value)
    return found


def test_no_merged_key_is_overridden() -> None:
    """Tools disagree about that: some take the last value, and some refuse the template."""
    for node in mappings(yaml.compose(TEMPLATE.read_text(), Loader=yaml.SafeLoader)):
        assert len(keys(node)) == len(set(keys(node))), node.start_mark
