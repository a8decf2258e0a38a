"""Server logs and client transcripts: lines in, rows of events out, and of these the same tables as of a capture."""
