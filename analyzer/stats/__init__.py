"""Statistics of AUTH exchanges: `partial` counts rows, `merged` puts counts together, `finish` gives the answer."""
