"""The schema of the reconciliation store, and the queries that determine a record's outcome."""

# Fingerprints are binary, times are fixed-width text. An object known only from an item has no etag.
# `fingerprints` concatenates all fingerprints of a record; `reading` is the fingerprint of what the model
# reads.
SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -4096;
CREATE TABLE object (id INTEGER PRIMARY KEY, key TEXT UNIQUE, etag TEXT);
CREATE TABLE archived (
    event TEXT, object INTEGER, order_id TEXT, fingerprints BLOB, reading BLOB, content BLOB, arrived TEXT,
    single INTEGER,
    PRIMARY KEY (event, object)
) WITHOUT ROWID;
CREATE INDEX single ON archived (object) WHERE single;
CREATE TABLE streamed (
    event TEXT PRIMARY KEY, order_id TEXT, fingerprints BLOB, reading BLOB, content BLOB, arrived TEXT
) WITHOUT ROWID;
CREATE TABLE item (
    order_id TEXT PRIMARY KEY, event TEXT, object INTEGER, fingerprint BLOB, reading BLOB, arrived TEXT
) WITHOUT ROWID;
CREATE TABLE original (order_id TEXT PRIMARY KEY, reading BLOB) WITHOUT ROWID;
CREATE TABLE quarantined (event TEXT PRIMARY KEY, conflict INTEGER, arrived TEXT) WITHOUT ROWID;
CREATE TABLE discarded (event TEXT PRIMARY KEY, key TEXT) WITHOUT ROWID;
CREATE TABLE erased (event TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE damaged (key TEXT PRIMARY KEY, what TEXT) WITHOUT ROWID;
-- Every record that is known of, once, however often it was delivered.
CREATE VIEW record AS
    SELECT event, order_id, fingerprints, reading, arrived, min(object) AS object FROM archived GROUP BY event
    UNION ALL
    SELECT event, order_id, fingerprints, reading, arrived, NULL FROM streamed
    WHERE NOT EXISTS (SELECT 1 FROM archived WHERE archived.event = streamed.event)
    UNION ALL
    SELECT event, NULL, NULL, NULL, arrived, NULL FROM quarantined
    WHERE NOT EXISTS (SELECT 1 FROM archived WHERE archived.event = quarantined.event)
    AND NOT EXISTS (SELECT 1 FROM streamed WHERE streamed.event = quarantined.event);
CREATE VIEW outcome AS
    SELECT record.event, record.order_id, record.arrived, record.object, CASE
        WHEN instr(record.fingerprints, item.fingerprint) OR instr(record.fingerprints, item.reading)
            OR record.reading = original.reading OR EXISTS (
            SELECT 1 FROM archived AS own WHERE own.event = item.event AND own.object = item.object
            AND own.reading = record.reading
        ) THEN iif(item.event = record.event, 'stored', 'duplicate')
        WHEN quarantined.conflict THEN 'conflict'
        WHEN quarantined.event IS NOT NULL THEN 'invalid'
        WHEN discarded.event IS NOT NULL THEN 'discarded'
        WHEN erased.event IS NOT NULL THEN 'erased'
        ELSE 'open'
    END AS outcome
    FROM record LEFT JOIN quarantined USING (event) LEFT JOIN item USING (order_id)
    LEFT JOIN original USING (order_id)
    LEFT JOIN discarded ON discarded.event = record.event LEFT JOIN erased ON erased.event = record.event;
"""

# An item's bytes are in the object that it names: under its event or, if the object contains one order, under
# the event that came first. (There are two if it was compacted and its key was reused.)
OF_EVENT = "SELECT 1 FROM archived WHERE archived.event = item.event AND archived.object = item.object"
SINGLE = "SELECT 1 FROM archived WHERE archived.single AND archived.object = item.object"
SAME = "AND instr(archived.fingerprints, item.fingerprint)"
ITEMS = "FROM item JOIN object ON object.id = item.object WHERE item.arrived >= ? AND item.arrived < ?"
