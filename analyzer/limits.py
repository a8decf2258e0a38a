"""Every limit of the analyzer, with where its value comes from. Reaching one is never silent."""

from __future__ import annotations

#: Inputs from this size on are read by compiled kernels, if these are kept: loading them takes as long as interpreting
#: so much (0.06 s of CPU).
COMPILE_ABOVE_BYTES = 200_000

#: Where nothing is compiled yet, compiling takes about 10 s: as long as interpreting this much.
COMPILE_ANEW_ABOVE_BYTES = 10_000_000

#: A capture from this size on is read by processes instead of threads: a fork, and what comes back, take some 0.02 s.
FORK_ABOVE_BYTES = 10_000_000

#: A process that compiles ahead is waited for so long, then killed: ten times what it needs.
COMPILE_SECONDS = 100

#: Interpreted, a byte of a log is as much work as so many of a capture: most of those are payload.
LOG_WEIGHT = 8

#: Bytes of a capture that are read and worked on at a time: what is made of them, too, stays in a processor's cache.
WINDOW_BYTES = 2_000_000

#: Bytes of a log that are read and worked on at a time.
LOG_BLOCK_BYTES = 6_000_000

#: A line that says "repeated N times" is believed up to this N, and else not understood: N is text, and can say
#: anything. Syslog daemons write such a line at least every 10 minutes; this is 160 a second.
LOG_REPEATS = 100_000

#: Events of sessions that are open at a time; with more, all sessions are taken for over. An event with its line, the
#: head of that and its fields takes about 600 bytes.
LOG_OPEN_EVENTS = 1_000_000

#: A session of a log of which nothing was heard for so long is over. Logs tell less than captures: nothing is written
#: while a client sends a long message.
LOG_IDLE_NS = 3600 * 10**9

#: A session without data for this long is over. RFC 5321 section 4.5.3.2.6: the longest timeout, 10 minutes.
IDLE_NS = 600 * 10**9

#: A closed connection waits this long for stragglers. RFC 9293 section 3.4.2 (TIME-WAIT); Linux waits 60 s.
LINGER_NS = 60 * 10**9

#: Longest AUTH line, base64 included. RFC 4954 section 4: 12288 octets.
AUTH_LINE_OCTETS = 12288

#: A session with more payload than this waiting is worked on in parts; it bounds the memory of a session.
PART_BYTES = 1 << 18
PART_SEGMENTS = 4096

#: Bytes that are missing in a stream may still come while at most this much waits behind them; then they are a gap.
#: As large as receive windows become (Linux' tcp_rmem: 6 MiB), so a sender can have no more under way.
HOLE_BYTES = 6 << 20
HOLE_SEGMENTS = 1024

#: With more payload than this waiting at the end of a window, parts of the largest sessions are worked on.
WAITING_BYTES = 1 << 25

#: A connection that closed in order, without any loss, waits this long for copies with other bytes.
SETTLE_NS = 10**9

#: The clock of the capture goes this far between two searches for sessions that are over.
SWEEP_NS = 10**9

#: A connection with this much payload and no sign of SMTP in the first bytes of either side is not SMTP.
UNKNOWN_BYTES = 1 << 14

#: A server that takes an odd line for the end of a message says so before this much more of it was sent; twice the
#: largest window without scaling (RFC 9293 section 3.1).
ODD_END_BYTES = 1 << 17

#: Payload that is assembled at a time.
BATCH_BYTES = 1 << 23

#: Longest record or block of a capture that is believed; also Wireshark's limit for a pcapng block (16 MiB).
RECORD_BYTES = 16 * 1024 * 1024

#: A pcap record may be this long whatever the snapshot length in the header says: libpcap's MAXIMUM_SNAPLEN.
SNAPLEN_BYTES = 262_144

#: How far to look for the next sound record behind a damaged one; two records of SNAPLEN_BYTES.
RESYNC_BYTES = 2 * SNAPLEN_BYTES

#: A record found behind a damaged one is sound only if its time is this near to the last one: one day.
RESYNC_SECONDS = 86_400

#: Memory for IP fragments that wait for the rest of their datagram; four times Linux' ipfrag_high_thresh (4 MiB).
FRAGMENT_BYTES = 16 * 1024 * 1024

#: Fragments of one datagram lie within this time (either way). Linux' ipfrag_time: 30 s.
FRAGMENT_NS = 30 * 10**9

#: Key logs inside captures (decryption secrets blocks) are kept up to this size; about 350,000 TLS sessions.
SECRETS_BYTES = 64 * 1024 * 1024

#: Interfaces of one section of a pcapng file; their numbers have 16 bits in the old packet block.
INTERFACES = 65_536

#: Rows of a table that are collected in memory, in bytes; more goes to disk, part after part.
TABLE_BYTES = 16 * 1024 * 1024

#: Rows of a table that are worked on at a time where not all of its columns fit into memory.
TABLE_ROWS = 1 << 16

#: Findings of one kind that have a row of their own, the largest first; one more row tells of the others, so that a
#: report can be read.
FINDINGS_PER_KIND = 20

#: The same of those who got in: whoever cleans up needs each of them.
ENTRIES_PER_KIND = 1000

#: Places that a finding names as evidence, the first ones.
FINDING_PLACES = 5
