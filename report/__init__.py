"""The report stage: records in, verdicts with their numbers out (HTML, PDF, CSV)."""
