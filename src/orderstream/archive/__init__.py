"""The archive as a source of truth: replay, SQL, compaction, tamper evidence, erasure."""
