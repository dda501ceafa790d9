"""Writes the order model and the version of the package into the template that is deployed."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

from orderstream import __version__
from orderstream.domain.declaration import Declared, computed_attributes, declared_fields
from orderstream.domain.item import attribute_of
from orderstream.domain.normalization import model_version
from orderstream.domain.object_keys import PARTITIONS
from orderstream.domain.order import Order
from orderstream.domain.user_model import VARIABLE
from orderstream.storage.athena import hive_columns, orders_sql, records_sql, trino_columns

# The model that is deployed without a project.
BUILT_IN = "orderstream:Order"
# The outputs of a stack that say what deployed it.
VERSION_OUTPUT, MODEL_OUTPUT = "OrderstreamVersion", "OrderModel"

Json = dict[str, Any]


def rendered(template: Mapping[str, Any], model: type[Order], name: str = BUILT_IN) -> Json:
    """The template (as JSON values) for a model of orders, whose class is `name`: MODULE:CLASS."""
    found: Json = copy.deepcopy(dict(template))
    found["Outputs"] = found["Outputs"] | {
        VERSION_OUTPUT: {"Description": "The version of Orderstream that deployed it.", "Value": __version__},
        MODEL_OUTPUT: {
            "Description": "The class of its orders, and a hash of their fields.",
            "Value": model_output(model, name),
        },
    }
    if name != BUILT_IN:
        variables = found["Globals"]["Function"]["Environment"]["Variables"]
        variables[VARIABLE] = name
        _set_columns(found, model)
        _add_indexes(found["Resources"]["Orders"]["Properties"], model)
    return found


def model_output(model: type[Order], name: str) -> str:
    """What a stack says of its model: the class, and a hash of its fields."""
    return f"{name} {model_version(model)}"


def _set_columns(template: Json, model: type[Order]) -> None:
    views = template["Mappings"]["Views"]
    columns = [f'{{"name": "{name}", "type": "{kind}"}}' for name, kind in trino_columns(model).items()]
    views["Records"] |= {"Columns": ",\n".join(columns), "Sql": records_sql(model)}
    views["Orders"] |= {"Sql": orders_sql(model)}
    of_records = _glue(hive_columns(model))
    hours = _glue(dict.fromkeys(PARTITIONS, "string"))
    of_table = {"Compacted": of_records, "Records": of_records + hours, "DistinctOrders": of_records + hours}
    for name, one in of_table.items():
        template["Resources"][name]["Properties"]["TableInput"]["StorageDescriptor"]["Columns"] = one


def _glue(columns: Mapping[str, str]) -> list[Json]:
    return [{"Name": name, "Type": kind} for name, kind in columns.items()]


def indexes(model: type[Order]) -> dict[str, Declared]:
    """The fields and computed attributes by which orders can be listed, by the name of their index."""
    declared = (*declared_fields(model), *computed_attributes(model))
    return {f"By{attribute_of(one)}": one for one in declared if "indexed" in one.marks}


def _add_indexes(table: Json, model: type[Order]) -> None:
    wanted = indexes(model)
    if not wanted:
        return
    (condition, with_customer, keys_alone) = table["AttributeDefinitions"]["Fn::If"]
    (_, by_customer, _) = table["GlobalSecondaryIndexes"]["Fn::If"]
    keys = [{"AttributeName": attribute_of(one), "AttributeType": _key_type(one)} for one in wanted.values()]
    date = {"AttributeName": "OrderDate", "AttributeType": "S"}
    table["AttributeDefinitions"] = {"Fn::If": [condition, with_customer + keys, [*keys_alone, date, *keys]]}
    own = [
        by_customer[0]
        | {
            "IndexName": index,
            "KeySchema": [
                {"AttributeName": attribute_of(one), "KeyType": "HASH"},
                {"AttributeName": "OrderDate", "KeyType": "RANGE"},
            ],
        }
        for index, one in wanted.items()
    ]
    table["GlobalSecondaryIndexes"] = {"Fn::If": [condition, by_customer + own, own]}


def _key_type(one: Declared) -> str:
    plain = get_args(one.hint)[0] if get_origin(one.hint) is Annotated else one.hint
    kind = type(next(iter(plain)).value) if isinstance(plain, type) and issubclass(plain, Enum) else plain
    return "N" if kind in (int, Decimal) else "S"
