"""Dead letters, quarantine, reconciliation and repair."""
