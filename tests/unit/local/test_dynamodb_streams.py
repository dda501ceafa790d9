"""Every write to a table with a stream has one record, in the form and the order that AWS gives it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.services import dynamodb

from orderstream.local import dynamodb_streams
from orderstream.local.state import StateFolder

ITEM = {"id": {"S": "a"}, "n": {"N": "1"}}
INSERT = "INSERT INTO \"Orders\" VALUE {'id': ?, 'n': ?}"
UPDATE = 'UPDATE "Orders" SET n = ? WHERE id = ?'
DELETE = 'DELETE FROM "Orders" WHERE id = ?'


@pytest.fixture(scope="module", autouse=True)
def patched() -> None:
    dynamodb_streams.follow_aws()


@pytest.fixture(autouse=True)
def table() -> None:
    create("NEW_AND_OLD_IMAGES", "id")


def create(view: str, *names: str) -> None:
    dynamodb.reset()
    call(
        "CreateTable",
        TableName="Orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )


def call(action: str, status: int = 200, **request: Any) -> dict[str, Any]:
    headers = {"x-amz-target": f"DynamoDB_20120810.{action}"}
    body = json.dumps(request).encode()
    got, _, answer = asyncio.run(dynamodb.handle_request("POST", "/", headers, body, {}))
    assert got == status, answer
    found: dict[str, Any] = json.loads(answer)
    return found


def statement(text: str, *values: str) -> dict[str, Any]:
    """A PartiQL statement; values that are digits are numbers."""
    parameters = [{"N" if value.isdigit() else "S": value} for value in values]
    return {"Statement": text, "Parameters": parameters}


def records() -> list[dict[str, Any]]:
    return list(dynamodb.stream_live_records("Orders"))


def changes() -> list[tuple[str, str | None, str | None]]:
    """The event names with the number in the old and in the new image."""
    return [
        (
            record["eventName"],
            record["dynamodb"].get("OldImage", {}).get("n", {}).get("N"),
            record["dynamodb"].get("NewImage", {}).get("n", {}).get("N"),
        )
        for record in records()
    ]


def one_by_one(*statements: dict[str, Any]) -> None:
    for one in statements:
        call("ExecuteStatement", **one)


def in_a_batch(*statements: dict[str, Any]) -> None:
    call("BatchExecuteStatement", Statements=list(statements))


def in_transactions(*statements: dict[str, Any]) -> None:
    for one in statements:
        call("ExecuteTransaction", TransactStatements=[one])


@pytest.mark.parametrize("execute", [one_by_one, in_a_batch, in_transactions])
def test_each_partiql_write_has_one_record(execute: Any) -> None:
    execute(statement(INSERT, "a", "1"), statement(UPDATE, "2", "a"), statement(DELETE, "a"))
    assert changes() == [("INSERT", None, "1"), ("MODIFY", "1", "2"), ("REMOVE", "2", None)]
    assert all(record["dynamodb"]["Keys"] == {"id": {"S": "a"}} for record in records())


def put(number: str) -> Any:
    return {"Item": ITEM | {"n": {"N": number}}}


KEY: Any = {"Key": {"id": {"S": "a"}}}
SET_2: Any = {
    **KEY,
    "UpdateExpression": "SET n = :n",
    "ExpressionAttributeValues": {":n": {"N": "2"}},
}


def test_each_other_write_has_one_record() -> None:
    call("PutItem", TableName="Orders", **put("1"))
    call("UpdateItem", TableName="Orders", **SET_2)
    call("DeleteItem", TableName="Orders", **KEY)
    call("BatchWriteItem", RequestItems={"Orders": [{"PutRequest": put("3")}]})
    call("BatchWriteItem", RequestItems={"Orders": [{"DeleteRequest": KEY}]})
    for write in ({"Put": put("1")}, {"Update": SET_2}, {"Delete": KEY}):
        ((kind, request),) = write.items()
        call("TransactWriteItems", TransactItems=[{kind: {"TableName": "Orders", **request}}])
    life = [("INSERT", None, "1"), ("MODIFY", "1", "2"), ("REMOVE", "2", None)]
    assert changes() == [*life, ("INSERT", None, "3"), ("REMOVE", "3", None), *life]


def test_a_write_that_changes_nothing_has_no_record() -> None:
    item = {**ITEM, "tags": {"SS": ["x", "y"]}}
    call("PutItem", TableName="Orders", Item=item)
    call("PutItem", TableName="Orders", Item={**item, "tags": {"SS": ["y", "x"]}})
    call("BatchWriteItem", RequestItems={"Orders": [{"PutRequest": {"Item": item}}]})
    call("ExecuteStatement", **statement(UPDATE, "1", "a"))
    call("TransactWriteItems", TransactItems=[{"Put": {"TableName": "Orders", "Item": item}}])
    call("DeleteItem", TableName="Orders", Key={"id": {"S": "other"}})
    call("ExecuteStatement", **statement(DELETE, "other"))
    assert changes() == [("INSERT", None, "1")]


def test_a_failed_write_has_no_record() -> None:
    call("PutItem", TableName="Orders", Item=ITEM)
    call("ExecuteStatement", 400, **statement(INSERT, "a", "2"))
    call("ExecuteStatement", 400, **statement(UPDATE, "2", "other"))
    call("ExecuteStatement", 400, **statement(UPDATE + " AND n = 5", "2", "a"))
    call("ExecuteStatement", 400, **statement(DELETE + " AND n = 5", "a"))
    call("PutItem", 400, TableName="Orders", Item=ITEM, ConditionExpression="attribute_not_exists(id)")
    assert changes() == [("INSERT", None, "1")]


def test_a_statement_that_fails_in_a_batch_leaves_the_records_of_the_others() -> None:
    in_a_batch(*[statement(INSERT, "a", number) for number in ("1", "2")], statement(INSERT, "b", "3"))
    assert changes() == [("INSERT", None, "1"), ("INSERT", None, "3")]


def test_a_transaction_that_is_rolled_back_has_no_record_and_one_that_is_repeated_has_one() -> None:
    good, bad = statement(INSERT, "a", "1"), statement(UPDATE, "2", "other")
    call("ExecuteTransaction", 400, TransactStatements=[good, bad])
    assert changes() == []
    for _ in range(2):
        call("ExecuteTransaction", TransactStatements=[good], ClientRequestToken="token")
    assert changes() == [("INSERT", None, "1")]


@pytest.mark.parametrize(
    ("view", "images", "size"),
    [
        ("KEYS_ONLY", set(), 6),
        ("NEW_IMAGE", {"NewImage"}, 21),
        ("OLD_IMAGE", {"OldImage"}, 20),
        ("NEW_AND_OLD_IMAGES", {"OldImage", "NewImage"}, 35),
    ],
)
def test_the_view_type_decides_about_images_and_size(view: str, images: set[str], size: int) -> None:
    # The sizes are those of the same items on AWS.
    create(view, "pk", "sk")
    insert = "INSERT INTO \"Orders\" VALUE {'pk': 'a', 'sk': 'b', 'data': 'test'}"
    one_by_one(
        statement(insert), statement("UPDATE \"Orders\" SET data = 'hello' WHERE pk = 'a' AND sk = 'b'")
    )
    record = records()[-1]
    assert record["dynamodb"].keys() & {"OldImage", "NewImage"} == images
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "a"}, "sk": {"S": "b"}}
    assert (record["dynamodb"]["SizeBytes"], record["dynamodb"]["StreamViewType"]) == (size, view)
    assert len(record["eventID"]) == 32 and record["eventVersion"] == "1.1"


def test_sequence_numbers_rise_also_when_the_clock_goes_back() -> None:
    numbers = itertools.chain((f"{9:030d}", f"{5:030d}"), itertools.repeat(f"{6:030d}"))

    def next_number() -> str:
        return dynamodb_streams.never_repeat_a_number(lambda: next(numbers))

    first, *others = [int(next_number()) for _ in range(4)]
    assert others == [first + 1, first + 2, first + 3]


def test_records_are_restored_with_the_items_and_later_numbers_are_higher(tmp_path: Path) -> None:
    one_by_one(statement(INSERT, "a", "1"), statement(UPDATE, "2", "a"))
    before = records()
    folder = StateFolder(tmp_path)
    folder.folder.mkdir()
    folder.save(1, None, {"dynamodb": dynamodb.get_state()})
    dynamodb.reset()
    dynamodb.load_persisted_state(folder.load().services["dynamodb"])
    assert records() == before
    one_by_one(statement(UPDATE, "3", "a"))
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records()]
    assert len(numbers) == 3 and numbers == sorted(set(numbers))


def items() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call("Scan", TableName="Orders")["Items"]
    return found


@pytest.fixture
def journal() -> Iterator[list[list[dict[str, Any]]]]:
    requests: list[list[dict[str, Any]]] = []
    dynamodb_streams.journal_writes(lambda writes: requests.append(json.loads(json.dumps(writes))))
    yield requests
    dynamodb_streams.journal_writes(lambda writes: None)


# What the image would have is not in such a record.
@pytest.mark.parametrize("view", ["NEW_AND_OLD_IMAGES", "KEYS_ONLY"])
@pytest.mark.parametrize("keys", [("id",), ("id", "n")])
@pytest.mark.parametrize("saved_after", [0, 2, 4])
def test_a_saved_state_and_the_journal_make_all_writes_and_records(
    view: str, keys: tuple[str, ...], saved_after: int, tmp_path: Path, journal: list[list[dict[str, Any]]]
) -> None:
    create(view, *keys)
    writes: list[Any] = [
        {"PutRequest": {"Item": {"id": {"S": key}, "n": {"S": "1"}, "text": {"S": text}}}}
        for key, text in (("a", "first"), ("b", "first"), ("a", "second"))
    ]
    writes.append({"DeleteRequest": {"Key": {name: {"S": {"id": "b", "n": "1"}[name]} for name in keys}}})
    folder = StateFolder(tmp_path)
    folder.folder.mkdir()
    for number, write in enumerate([*writes, None]):
        if number == saved_after:
            folder.save(1, None, {"dynamodb": dynamodb.get_state()})
        if write:
            call("BatchWriteItem", RequestItems={"Orders": [write]})
    all_records, all_items = records(), items()
    assert (len(all_records), len(all_items), len(journal)) == (4, 1, 4)
    dynamodb.reset()
    dynamodb.load_persisted_state(folder.load().services["dynamodb"])
    assert len(records()) == saved_after
    for (write,) in journal:
        dynamodb_streams.restore_write(write)
    assert (records(), items()) == (all_records, all_items)


@pytest.mark.parametrize("is_made_again", [False, True])
def test_a_journaled_write_whose_stream_was_not_saved_is_left_out(
    is_made_again: bool, journal: list[list[dict[str, Any]]]
) -> None:
    one_by_one(statement(INSERT, "a", "1"))
    ((write,),) = journal
    write["record"]["eventSourceARN"] += "0"
    dynamodb.reset()
    if is_made_again:
        create("NEW_AND_OLD_IMAGES", "id")
    dynamodb_streams.restore_write(write)
    assert records() == []
    assert not is_made_again or items() == []


def test_a_write_that_has_no_record_is_not_journaled(journal: list[list[dict[str, Any]]]) -> None:
    one_by_one(statement(INSERT, "a", "1"), statement(UPDATE, "1", "a"))
    call("UpdateTable", TableName="Orders", StreamSpecification={"StreamEnabled": False})
    one_by_one(statement(UPDATE, "2", "a"))
    assert [write["record"]["eventName"] for (write,) in journal] == ["INSERT"]


@pytest.mark.parametrize("is_partiql", [False, True])
def test_a_transaction_is_journaled_as_a_whole(is_partiql: bool, journal: list[list[dict[str, Any]]]) -> None:
    keys = ["a", "b", "c"]
    if is_partiql:
        statements = [statement(INSERT, key, "1") for key in keys]
        call("ExecuteTransaction", TransactStatements=statements)
    else:
        puts = [{"Put": {"TableName": "Orders", "Item": ITEM | {"id": {"S": key}}}} for key in keys]
        call("TransactWriteItems", TransactItems=puts)
    (writes,) = journal
    assert [write["item"]["id"]["S"] for write in writes] == keys


def test_a_state_that_has_no_records_is_restored(tmp_path: Path) -> None:
    state = {name: value for name, value in dynamodb.get_state().items() if not name.startswith("_")}
    dynamodb.reset()
    dynamodb.load_persisted_state(state)
    assert records() == []
