"""Every column of every table, once: documentation, DataFrames, JSON keys, CSV heads and checks come from here.

Kinds of column, how they are held, and how unknown is held (see `analyzer.tables`):

========== ============================================= ==================== ===========================
kind       held as                                       unknown              in pandas
========== ============================================= ==================== ===========================
``int``    int64                                         `NULL`               Int64
``time``   int64, nanoseconds since 1970 UTC             `NULL`               datetime64[ns, UTC]
``seconds`` float64, seconds                             NaN                  float64
``flag``   int8, 0 or 1                                  -1                   boolean
``text``   `Text`: int32 codes into distinct words       code -1              str
``words``  `Text` of space-joined words (a list in JSON) never; empty instead str
``id``     `Ids`: int64, with int32 where there are parts  `NULL`             str
``place``  `Places`: int64, files and numbers            never                str
========== ============================================= ==================== ===========================
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["int", "time", "seconds", "flag", "text", "words", "id", "place"]

#: Unknown in an int64 column.
NULL: Final = -(2**63)


class Column(NamedTuple):
    """One column: its name, its kind, whether it can be unknown, and what it means."""

    name: str
    kind: Kind
    nullable: bool
    meaning: str


def _columns(text: str) -> tuple[Column, ...]:
    """Read `name kind[?] meaning` lines; a question mark says that the column can be unknown."""
    rows = (line.split(maxsplit=2) for line in text.strip().splitlines())
    return tuple(Column(name, kind.rstrip("?"), kind.endswith("?"), meaning) for name, kind, meaning in rows)  # type: ignore[arg-type]


TABLES: Final[dict[str, tuple[Column, ...]]] = {
    "sessions": _columns("""
        session          id       stable id of the SMTP connection, 11 letters
        event            id       rows of different sources that show one connection share this
        source           text     the capture or log that shows it
        role             text     who logs in to whom: server (a client to this server) or client (this server to its relay)
        first            time?    first packet or line of the session
        last             time?    last packet or line of the session
        client_ip        text?    address of the client
        client_port      int?     TCP port of the client
        server_ip        text?    address of the server
        server_port      int?     TCP port of the server
        via              text?    proxy that the session came through: socks4, socks5, connect, proxy-v1, proxy-v2, with the address that it names
        banner           text?    text of the greeting (RFC 5321 section 4.2)
        product          text?    server product, as far as the greeting tells
        helo             text?    name that the client gave in its last EHLO, HELO or LHLO
        offered          text?    SASL mechanisms in the last EHLO reply in the clear before AUTH, in its order; empty: it lists none; unknown: no such reply was seen
        offered_tls      text?    the same of the last EHLO reply inside TLS
        tls              text?    none, starttls or implicit; unknown where a log does not tell, or a capture begins later
        tls_version      text?    version of TLS that was negotiated
        sni              text?    server name that the client asked for in TLS
        readable         flag     1 where the dialogue could be read to its end, 0 where TLS hides some of it
        commands         int?     client units seen: commands, AUTH answers, ends of DATA, BDAT chunks
        replies          int?     complete replies seen
        attempts         int?     AUTH exchanges that were seen; unknown where there were none before TLS hid the session
        authenticated_as text?    identity of the first AUTH exchange that succeeded
        messages         int?     mail transactions that the server accepted, as far as its replies were captured; unknown where TLS or the kind of log hides them, and where all replies to messages are missing
        packets          int?     TCP packets of the connection in the capture
        bytes            int?     bytes of TCP payload on the wire, both sides, retransmissions included
        ended_by         text     client_fin, server_fin, client_rst, server_rst, new_session, idle or capture_end; of a log: client_lost, server_timeout, server_closed, closed or log_end
        caveats          words    what weakens the rows of this session
    """),
    "auth": _columns("""
        session          id       stable id of the SMTP connection
        attempt          int      number of the AUTH exchange in its session, from 1
        event            id       rows of different sources that show one event share this
        client_ip        text?    address of the client
        client_port      int?     TCP port of the client
        server_ip        text?    address of the server
        server_port      int?     TCP port of the server
        role             text     who logs in to whom: server or client
        started          time?    when the AUTH command was complete
        ended            time?    when the final reply was complete, or the connection was closed
        seconds          seconds? ended - started
        seconds_server   seconds? time until the server's replies, summed
        seconds_client   seconds? time until the client's answers, summed
        mechanism        text?    SASL mechanism, upper case (RFC 4422 section 3.1); unknown for a word that is no name of one, nor all in capitals: it may be a secret
        initial_response flag?    1 where the AUTH command carried an initial response (RFC 4954 section 4)
        rounds           int?     replies 334 of the exchange
        rounds_known     text     exact, at_least or unknown
        outcome          text     succeeded, rejected, cancelled, malformed, not_recognised, bad_sequence, mechanism_unavailable, encryption_required, mechanism_too_weak, account_disabled, transition_needed, temporary_failure, server_closed, client_closed, unseen, failed or other
        reason           text?    why, as far as the reply tells; unknown for a success
        code             int?     final reply code
        enhanced         text?    enhanced status code of the final reply (RFC 3463)
        text             text?    text of the final reply, secrets removed
        identity         text?    who tried to log in (authentication identity)
        authzid          text?    as whom (authorization identity), where it was given
        realm            text?    realm or domain that the client named
        host             text?    host or workstation that the client named
        challenge        text?    kinds of the challenges, in order
        oauth_error      text?    the refusal that an OAuth mechanism put into a challenge, in short (RFC 7628 section 3.2.2)
        secret_group     int?     equal for equal secrets within one run
        tls              text?    none, starttls or implicit: how the exchange was protected; unknown where a log does not tell
        evidence         text     observed, decrypted, inferred or logged
        confidence       seconds? 0 to 1; unknown unless inferred or joined
        caveats          words    what weakens this label
        source           text     the capture or log that shows it
        where            place    file and frame, or line, of the AUTH command
    """),
    "exchanges": _columns("""
        session          id       stable id of the SMTP connection
        n                int      number of the unit in its session, from 0 (the greeting)
        at               time?    when the client's unit was complete, or, with no client unit, its reply
        verb             text     command verb; (greeting), (answer), (end of data), (unsolicited), (lost), (before TLS) for what is none
        argument         text?    its argument, secrets reduced to kind and length
        code             int?     reply code
        enhanced         text?    enhanced status code
        text             text?    text of the reply, secrets removed
        seconds          seconds? from the unit to its reply
        pipelined        flag     1 where the unit was sent before the reply to the unit before it
        attempt          int?     number of the AUTH exchange that it belongs to
        frame            int?     frame that completes the unit
        reply_frame      int?     frame that completes the reply
    """),
    "messages": _columns("""
        session          id       stable id of the SMTP connection
        n                int      number of the transaction in its session, from 1
        at               time?    when MAIL was sent, or, where that was not captured, the first unit that was
        mail_from        text?    reverse-path; unknown where MAIL was not captured
        accepted         int?     recipients accepted, in LMTP after the message, as far as replies were captured; unknown where all are missing
        refused          int?     recipients refused, likewise
        size             int?     octets of the message as sent, dot-stuffing removed
        chunks           int      BDAT chunks; 0 with DATA
        code             int?     code of the reply that ended the transaction; of several (LMTP), the first positive one, else the first
        enhanced         text?    enhanced status code of that reply
        text             text?    text of that reply
    """),
    "findings": _columns("""
        severity         text     high, medium, low or info
        kind             text     name of the finding
        client           text?    address or network that it is about, where it is one
        identity         text?    identity that it is about, where it is one
        server           text?    address and port of the server that it is about, where it is one
        session          id?      session where it was first seen
        at               time?    when it was first seen
        last             time?    when it was last seen
        count            int      how many tries, attempts or sessions show it
        evidence         text     what was seen, in numbers
        places           text?    of the first of them, separated by semicolons: file and frame, file and line, or file and session
        confidence       seconds? 0 to 1
        advice           text     what to do
    """),
    "skipped": _columns("""
        source           text     the input
        stage            text     wire, tcp, smtp, tls or logs
        reason           text     why it could not be read
        count            int      how many
        first            text?    where it was first met
    """),
}
