"""Adds the new keys of the commands' JSON to json_keys.json: `python -m tests.unit.docs.json_keys`.

It removes and changes none: that would break programs that read them.
"""

from __future__ import annotations

import json
from pathlib import Path

from reference.json_documents import keys

FILE = Path(__file__).with_name("json_keys.json")

if __name__ == "__main__":
    promised = json.loads(FILE.read_text()) if FILE.exists() else {}
    for command, found in keys().items():
        promised[command] = found | promised.get(command, {})
    FILE.write_text(json.dumps(promised, indent=1) + "\n")
