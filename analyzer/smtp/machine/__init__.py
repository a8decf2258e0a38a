"""Run the law over byte streams: steps of a session in, units and attempts out.

The machine never raises on odd input: it sets a flag and goes on. All functions here make up one kernel (`steps.run`);
see `analyzer.kernel` for what they may do, `analyzer.smtp.law` for what modes, kinds and actions mean, and
`analyzer.smtp.columns` for the arrays. `w` is the work (all arrays), `k` the session's row in it.

`steps` takes what happened one after the other; `client` and `server` read the two streams with the words of `grammar`
and `commands`, and write with `units`; `parts` lets a session stop and go on. Each imports only from those behind it:
work, grammar, units, commands, client, server, parts, steps.
"""
