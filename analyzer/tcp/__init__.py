"""TCP segments to byte streams, in three steps: `track` sorts segments into sessions, `assemble` makes streams of them."""
