"""The archive as a source of truth: replay, SQL, compaction, proof that nothing was altered, erasure."""
