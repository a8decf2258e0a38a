"""Words of a buffer: equal spans are numbered alike, and each distinct word is made once."""
