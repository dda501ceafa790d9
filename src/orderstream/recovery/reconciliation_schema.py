"""The schema of the reconciliation store, and the queries for outcomes of records and discrepancies."""

# Fingerprints are binary, times are fixed-width text. An object known only from an item has no etag.
# `fingerprints` concatenates all fingerprints of a record; `reading` is the fingerprint of what the model
# reads. An `event` is the id of a record. A record that is an event of an order has the hash of its
# `position` in the table OrderEvents. `state` and `content` are JSON of DynamoDB: an item that has a state
# from its events, and what a fold reads of an event. The `place` of an announcement is its sequence number in
# the stream of changes.
SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -4096;
CREATE TABLE object (id INTEGER PRIMARY KEY, key TEXT UNIQUE, etag TEXT);
CREATE TABLE archived (
    event TEXT, object INTEGER, order_id TEXT, position TEXT, fingerprints BLOB, reading BLOB, content BLOB,
    arrived TEXT, single INTEGER,
    PRIMARY KEY (event, object)
) WITHOUT ROWID;
CREATE INDEX single ON archived (object) WHERE single;
CREATE TABLE streamed (
    event TEXT PRIMARY KEY, order_id TEXT, position TEXT, fingerprints BLOB, reading BLOB, content BLOB,
    arrived TEXT
) WITHOUT ROWID;
CREATE TABLE item (
    order_id TEXT PRIMARY KEY, event TEXT, object INTEGER, fingerprint BLOB, reading BLOB, arrived TEXT,
    state BLOB
) WITHOUT ROWID;
CREATE TABLE placeholder (order_id TEXT PRIMARY KEY, since TEXT) WITHOUT ROWID;
CREATE TABLE order_event (
    order_id TEXT, position TEXT, event TEXT, object INTEGER, arrived TEXT, content BLOB,
    PRIMARY KEY (order_id, position)
) WITHOUT ROWID;
CREATE INDEX order_event_of_record ON order_event (event);
CREATE TABLE announced (
    order_id TEXT, version INTEGER, place TEXT, PRIMARY KEY (order_id, version)
) WITHOUT ROWID;
CREATE TABLE announced_erased (order_id TEXT PRIMARY KEY, place TEXT) WITHOUT ROWID;
CREATE TABLE original (order_id TEXT PRIMARY KEY, reading BLOB) WITHOUT ROWID;
CREATE TABLE quarantined (event TEXT PRIMARY KEY, conflict INTEGER, arrived TEXT) WITHOUT ROWID;
CREATE TABLE discarded (event TEXT PRIMARY KEY, key TEXT) WITHOUT ROWID;
CREATE TABLE erased (event TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE damaged (key TEXT PRIMARY KEY, what TEXT) WITHOUT ROWID;
-- Every record that is known of, once, however often it was delivered.
CREATE VIEW record AS
    SELECT event, order_id, fingerprints, reading, arrived, min(object) AS object, position FROM archived
    GROUP BY event
    UNION ALL
    SELECT event, order_id, fingerprints, reading, arrived, NULL, position FROM streamed
    WHERE NOT EXISTS (SELECT 1 FROM archived WHERE archived.event = streamed.event)
    UNION ALL
    SELECT event, NULL, NULL, NULL, arrived, NULL, NULL FROM quarantined
    WHERE NOT EXISTS (SELECT 1 FROM archived WHERE archived.event = quarantined.event)
    AND NOT EXISTS (SELECT 1 FROM streamed WHERE streamed.event = quarantined.event);
CREATE VIEW outcome AS
    SELECT record.event, record.order_id, record.arrived, record.object, record.position, CASE
        WHEN instr(record.fingerprints, item.fingerprint) OR instr(record.fingerprints, item.reading)
            OR record.reading = original.reading OR EXISTS (
            SELECT 1 FROM archived AS own WHERE own.event = item.event AND own.object = item.object
            AND own.reading = record.reading
        ) THEN iif(item.event = record.event, 'stored', 'duplicate')
        WHEN EXISTS (
            SELECT 1 FROM order_event AS own WHERE own.event = record.event AND own.order_id = record.order_id
        ) THEN 'event'
        WHEN EXISTS (
            SELECT 1 FROM order_event AS same
            WHERE same.order_id = record.order_id AND same.position = record.position
        ) THEN 'duplicate'
        WHEN quarantined.conflict THEN 'conflict'
        WHEN quarantined.event IS NOT NULL THEN 'invalid'
        WHEN discarded.event IS NOT NULL THEN 'discarded'
        WHEN erased.event IS NOT NULL THEN 'erased'
        ELSE 'open'
    END AS outcome
    FROM record LEFT JOIN quarantined USING (event)
    LEFT JOIN item ON item.order_id = record.order_id AND record.position IS NULL
    LEFT JOIN original ON original.order_id = item.order_id
    LEFT JOIN discarded ON discarded.event = record.event LEFT JOIN erased ON erased.event = record.event;
"""

# An item's bytes are in the object that it names: under its event or, if the object contains one order, under
# the event that came first. (There are two if it was compacted and its key was reused.)
_OF_EVENT = "SELECT 1 FROM archived WHERE archived.event = item.event AND archived.object = item.object"
_SINGLE = "SELECT 1 FROM archived WHERE archived.single AND archived.object = item.object"
_SAME = "AND instr(archived.fingerprints, item.fingerprint)"
_ITEMS = (
    "FROM item JOIN object ON object.id = item.object WHERE item.arrived >= :since AND item.arrived < :until"
)
# The bytes of an event are in the object that it names, under its own record.
_OF_ROW = (
    "SELECT 1 FROM archived WHERE archived.event = order_event.event AND archived.object = order_event.object"
)
_SAME_ROW = (
    "AND archived.order_id = order_event.order_id"
    " AND ifnull(archived.position, order_event.position) = order_event.position"
)
_ROWS = (
    "FROM order_event JOIN object ON object.id = order_event.object"
    " WHERE order_event.arrived >= :since AND order_event.arrived < :until"
)
# Discrepancies of items and events that arrived from `since` to `until` (exclusive), and of the archive: the
# kind of each, and the query for its id and its detail.
QUERIES = (
    (
        "payload_missing",
        "SELECT item.order_id, 'the item names event ' || item.event || ' in ' || key ||"
        f" ', which is not there' {_ITEMS} AND NOT EXISTS ({_OF_EVENT}) AND NOT EXISTS ({_SINGLE})",
    ),
    (
        "payload_missing",
        "SELECT order_event.event, 'as an event of order ' || order_id || ' it names ' || key ||"
        f" ', which does not hold it' {_ROWS} AND NOT EXISTS ({_OF_ROW})",
    ),
    (
        "payload_mismatch",
        "SELECT item.order_id, 'the bytes in ' || key || ' are not those that the item was made of'"
        f" {_ITEMS} AND (EXISTS ({_OF_EVENT}) OR EXISTS ({_SINGLE}))"
        f" AND NOT EXISTS ({_OF_EVENT} {_SAME}) AND NOT EXISTS ({_SINGLE} {_SAME})",
    ),
    (
        "payload_mismatch",
        "SELECT order_event.event, 'the bytes in ' || key || ' are not those of the event of order '"
        f" || order_id {_ROWS} AND EXISTS ({_OF_ROW}) AND NOT EXISTS ({_OF_ROW} {_SAME_ROW})",
    ),
    (
        "duplicate_item",
        "SELECT event, 'is the event of ' || count(*) || ' items: ' || group_concat(order_id, ', ')"
        " FROM item WHERE arrived >= :since AND arrived < :until GROUP BY event HAVING count(*) > 1",
    ),
    (
        "duplicate_item",
        "SELECT event, 'is ' || count(*) || ' events, of orders ' || group_concat(order_id, ', ')"
        " FROM order_event WHERE arrived >= :since AND arrived < :until GROUP BY event HAVING count(*) > 1",
    ),
    (
        "tampered",
        "SELECT event, 'two objects of the archive have other bytes for it' FROM archived"
        " GROUP BY event HAVING min(content) != max(content)",
    ),
    (
        "tampered",
        "SELECT DISTINCT event, 'the archive has other bytes than the stream' FROM archived"
        " JOIN streamed USING (event) WHERE archived.content != streamed.content",
    ),
    ("corrupt", "SELECT key, what FROM damaged"),
)
