"""What becomes of the ticket seller's orders, in both versions."""

from typing import Any

from orderstream.testing import Pipeline

ORDER: dict[str, Any] = {
    "schema": 2,
    "order_id": "A-1",
    "customer_id": "ann",
    "performance_id": "hamlet",
    "starts_at": "2027-01-15T19:30:00Z",
    "amount": "39.80",
    "seats": [
        {"row": "C", "number": 12, "price": "19.90", "holder": "Ann"},
        {"row": "C", "number": 13, "price": "19.90"},
    ],
}
OLD = {
    "order_id": "A-2",
    "customer_id": "ann",
    "performance_id": "hamlet",
    "amount": "19.90",
    "seats": [{"seat": "C12", "price": "19.90"}],
}


def test_an_order_of_either_version_is_stored_with_its_seats() -> None:
    pipeline = Pipeline()
    pipeline.put(ORDER)
    pipeline.put(OLD)
    pipeline.deliver()
    new, old = pipeline.orders["A-1"], pipeline.orders["A-2"]
    assert (new["SchemaVersion"], new["SeatCount"], new["Seats"][0]["holder"]) == (2, 2, "Ann")
    assert "SchemaVersion" not in old
    assert (old["Seats"][0]["row"], old["Seats"][0]["number"]) == ("C", 12)


def test_an_order_that_says_more_in_the_new_version_is_another_order() -> None:
    pipeline = Pipeline()
    seat = {"row": "C", "number": 12, "price": "19.90"}
    pipeline.put(OLD)
    pipeline.put(OLD | {"schema": 2, "seats": [seat], "starts_at": "2027-01-15T19:30:00Z"})
    pipeline.put(OLD)
    pipeline.deliver()
    # The third is the first one again.
    assert list(pipeline.quarantined.values()) == [["conflict"]]


def test_version_2_says_when_the_performance_starts_and_sells_no_seat_twice() -> None:
    pipeline = Pipeline()
    undated = pipeline.put(ORDER | {"starts_at": None})
    twice = pipeline.put(ORDER | {"seats": [ORDER["seats"][0]] * 2})
    later = pipeline.put(ORDER | {"schema": 3})
    pipeline.deliver()
    assert pipeline.quarantined == {undated: ["missing"], twice: ["seat_twice"], later: ["unknown_schema"]}
