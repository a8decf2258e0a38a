"""TCP segments to byte streams: `track` sorts segments into sessions, `assemble` makes streams of them.

`stage` runs both over windows. `table` holds the open sessions and their segments, `pieces` what of a session cannot be
read yet, `merge` the order of its two sides.
"""
