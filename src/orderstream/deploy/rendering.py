"""Writes the order model and the version of the package into the template that is deployed."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from orderstream import __version__
from orderstream.deploy.deployed_model import METADATA
from orderstream.domain.item import attribute_of, indexes, key_type
from orderstream.domain.object_keys import PARTITIONS
from orderstream.domain.order import Order
from orderstream.domain.user_model import VARIABLE, order_model
from orderstream.project.current import current_project, model_digest
from orderstream.project.schema import published_schema
from orderstream.storage.athena import hive_columns, orders_sql, records_sql, trino_columns
from orderstream.storage.athena_events import events_sql, hive_event_columns, trino_event_columns

# The model that is deployed without a project.
BUILT_IN = "orderstream:Order"
# The outputs of a stack that say what deployed it.
VERSION_OUTPUT, MODEL_OUTPUT = "OrderstreamVersion", "OrderModel"

Json = dict[str, Any]


def rendered(template: Mapping[str, Any]) -> Json:
    """The template (as JSON values) for the order model of this process, and its project."""
    project, model = current_project(), order_model()
    found: Json = copy.deepcopy(dict(template))
    found["Outputs"] = found["Outputs"] | {
        VERSION_OUTPUT: {"Description": "The version of Orderstream that deployed it.", "Value": __version__},
        MODEL_OUTPUT: {"Description": "The class of its orders, and a hash.", "Value": model_output()},
    }
    found["Metadata"] = found.get("Metadata", {}) | {METADATA: published_schema(model)}
    if project:
        found["Globals"]["Function"]["Environment"]["Variables"][VARIABLE] = project.file.model
        _set_columns(found, model)
        if indexes(model):
            _add_indexes(found["Resources"]["Orders"]["Properties"], model)
            found["Resources"] |= _scaling(found["Resources"], model)
            _watch_indexes(found["Resources"]["TableThrottledAlarm"]["Properties"], model)
            _allow_queries(found["Resources"]["OrdersApiRole"]["Properties"], model)
    return found


def model_output() -> str:
    """What a stack says of the order model of this process: the class, and a hash of its code."""
    project = current_project()
    return f"{project.file.model} {model_digest()}" if project else f"{BUILT_IN} {__version__}"


def _set_columns(template: Json, model: type[Order]) -> None:
    views = template["Mappings"]["Views"]
    views["Records"] |= {"Columns": _listed(trino_columns(model)), "Sql": records_sql(model)}
    views["Orders"] |= {"Sql": orders_sql(model)}
    views["Events"] |= {"Columns": _listed(trino_event_columns(model)), "Sql": events_sql(model)}
    of_records = _glue(hive_columns(model))
    hours = _glue(dict.fromkeys(PARTITIONS, "string"))
    of_table = {"Compacted": of_records, "Records": of_records + hours, "DistinctOrders": of_records + hours}
    of_table["LifecycleEvents"] = _glue(hive_event_columns(model))
    for name, one in of_table.items():
        template["Resources"][name]["Properties"]["TableInput"]["StorageDescriptor"]["Columns"] = one


def _listed(columns: Mapping[str, str]) -> str:
    return ",\n".join(f'{{"name": "{name}", "type": "{kind}"}}' for name, kind in columns.items())


def _glue(columns: Mapping[str, str]) -> list[Json]:
    return [{"Name": name, "Type": kind} for name, kind in columns.items()]


def _add_indexes(table: Json, model: type[Order]) -> None:
    wanted = indexes(model)
    # With such an index, OrderDate is a key whether there is an index by customer or not.
    others = [one for one in table["AttributeDefinitions"] if _attribute(one) != "OrderDate"]
    types = {attribute_of(one): "S" if key_type(one) is str else "N" for one in wanted.values()}
    keys = [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]
    date = {"AttributeName": "OrderDate", "AttributeType": "S"}
    table["AttributeDefinitions"] = [*others, date, *keys]
    by_customer = table["GlobalSecondaryIndexes"][0]["Fn::If"][1]
    own = [
        by_customer
        | {
            "IndexName": index,
            "KeySchema": [
                {"AttributeName": attribute_of(one), "KeyType": "HASH"},
                {"AttributeName": "OrderDate", "KeyType": "RANGE"},
            ],
        }
        for index, one in wanted.items()
    ]
    table["GlobalSecondaryIndexes"] += own


def _scaling(resources: Json, model: type[Order]) -> Json:
    """What scales the indexes, if they are provisioned: as that by customer."""
    found: Json = {}
    for index in indexes(model):
        # A logical id has only letters and digits.
        logical_id = re.sub(r"[^0-9A-Za-z]", lambda other: f"x{ord(other[0]):X}", index)
        for kind in ("Write", "Read"):
            target = copy.deepcopy(resources[f"ByCustomer{kind}Target"]) | {"Condition": "Provisioned"}
            policy = copy.deepcopy(resources[f"ByCustomer{kind}Scaling"]) | {"Condition": "Provisioned"}
            target["Properties"]["ResourceId"] = {"Fn::Sub": f"table/${{Orders}}/index/{index}"}
            policy["Properties"]["ScalingTargetId"] = {"Ref": f"{logical_id}{kind}Target"}
            found |= {f"{logical_id}{kind}Target": target, f"{logical_id}{kind}Scaling": policy}
    return found


def _attribute(definition: Json) -> str:
    """The attribute that a definition is about, conditional or not."""
    return str((definition["Fn::If"][1] if "Fn::If" in definition else definition)["AttributeName"])


def _watch_indexes(alarm: Json, model: type[Order]) -> None:
    """Let the alarm on throttled writes count those to the indexes too."""
    table, by_customer, pending, events, result = alarm["Metrics"]
    own = []
    for number, index in enumerate(indexes(model)):
        one = copy.deepcopy(by_customer["Fn::If"][1])
        one["Id"] = f"index{number}"
        one["MetricStat"]["Metric"]["Dimensions"][1]["Value"] = index
        own.append(one)
    ids = ", ".join(one["Id"] for one in own)
    condition, *sums = result["Expression"]["Fn::If"]
    expression = {"Fn::If": [condition, *(one.replace("events]", f"events, {ids}]") for one in sums)]}
    alarm["Metrics"] = [table, by_customer, pending, events, *own, result | {"Expression": expression}]


def _allow_queries(role: Json, model: type[Order]) -> None:
    """Let the HTTP API list orders by the indexes."""
    statement = {
        "Sid": "ListOrdersByIndex",
        "Effect": "Allow",
        "Action": "dynamodb:Query",
        "Resource": [{"Fn::Sub": f"${{Orders.Arn}}/index/{index}"} for index in indexes(model)],
    }
    role["Policies"][0]["PolicyDocument"]["Statement"].append(statement)
