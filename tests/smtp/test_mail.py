"""Mail transactions by columns: the same as those of a reader that takes one unit after the other."""

from __future__ import annotations

from itertools import chain

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.schema import NULL
from analyzer.smtp import columns as s
from analyzer.smtp import mail
from analyzer.smtp.law import Flag, Kind
from analyzer.smtp.reader import Rows
from analyzer.smtp.said import Said
from analyzer.smtp.texts import Texts
from analyzer.tcp import columns as c

COMMANDS = {
    Kind.MAIL: b"MAIL FROM:<a@example.com> SIZE=7",
    Kind.RCPT: b"RCPT TO:<b@example.com>",
    Kind.DATA: b"DATA",
    Kind.DOT: b"",
    Kind.RSET: b"RSET",
    Kind.HELLO: b"EHLO client.example.com",
    Kind.PLAIN: b"NOOP",
}
CODES = {Kind.MAIL: (0, 250, 450, 503), Kind.DATA: (0, 354, 503)}

FIRST, FURTHER = int(Flag.RECIPIENT), int(Flag.RECIPIENT | Flag.FURTHER)

units = st.one_of(
    st.sampled_from(list(COMMANDS)).flatmap(
        lambda kind: st.tuples(
            st.just(int(kind)), st.just(COMMANDS[kind]), st.sampled_from(CODES.get(kind, (0, 250, 450))),
            st.sampled_from((0, int(Flag.GAP_CLIENT))),
        )
    ),
    st.tuples(
        st.just(int(Kind.BDAT)), st.sampled_from([b"BDAT 5", b"bdat 5 last ", b"BDAT 5 LASTING"]),
        st.sampled_from((0, 250, 552)), st.just(0),
    ),
)  # fmt: skip
#: The end of a message in LMTP: a unit for each recipient.
ends = st.tuples(
    st.sampled_from([(int(Kind.DOT), b""), (int(Kind.BDAT), b"bdat 5 last ")]),
    st.lists(st.sampled_from((0, 250, 452)), min_size=1, max_size=3),
).map(
    lambda end: [
        (end[0][0], b"" if number else end[0][1], code, FURTHER if number else FIRST)
        for number, code in enumerate(end[1])
    ]
)
parts = st.lists(st.one_of(units.map(lambda unit: [unit]), ends), max_size=9).map(lambda many: [*chain(*many)])
#: Sessions, each cut into parts.
sessions = st.lists(st.lists(parts, min_size=3, max_size=3), min_size=1, max_size=4)


def rows_of(parts, final):
    """Give the rows of a batch: a part of each session."""
    stream, rows = b"", []
    for session, part in enumerate(parts):
        for kind, line, code, flags in part:
            row = np.zeros(s.U_WIDTH, np.int64)
            row[s.U_SESSION], row[s.U_KIND], row[s.U_CODE], row[s.U_SIZE] = session, kind, code, 5
            row[s.U_AT], row[s.U_FLAGS] = 1 + len(rows), flags
            row[s.U_OFF], row[s.U_LENGTH] = len(stream), len(line)
            stream += line
            row[s.U_REPLY_OFF], row[s.U_REPLY_LENGTH] = len(stream), 3 if code else 0
            stream += b"%d" % code if code else b""
            rows.append(row)
    about, state = (np.zeros((len(parts), width), np.int64) for width in (c.SESSION_WIDTH, s.STATE_WIDTH))
    about[:, c.FINAL] = final
    table = np.array(rows, np.int64).reshape(-1, s.U_WIDTH)
    for row in np.flatnonzero(table[:, s.U_CODE]).tolist():
        state[table[row, s.U_SESSION], s.OPEN] = row + 1
    none = np.zeros((0, s.A_WIDTH), np.int64)
    return Rows(about, state, about, table, none, np.frombuffer(stream, "u1"))


#: In the place of a reply's code: it is among missing bytes, which a later reply shows.
MISSING = -1


class OneByOne:
    """Reads one session unit by unit: numbers, recipients, sizes, chunks and final codes, and how many were taken."""

    def __init__(self, parts):
        self.ended, self.taken, self.unsure, self.now, self.each = [], 0, 0, None, []
        units = [unit for part in parts for unit in part]
        replied = [code > 0 for _, _, code, _ in units]
        before = len(units) - len(parts[-1])  # what parts before left without a reply has none for that reason
        ends = []
        for number, (kind, line, code, flags) in enumerate(units):
            said = code or (MISSING if number < before or any(replied[number:]) else 0)
            if flags & Flag.FURTHER:
                ends[-1][2].append(said)
            else:
                ends.append((kind, line, [said], flags))
        for kind, line, codes, flags in ends:
            if self.now or self.begins(kind, codes):
                self.each = codes if flags & Flag.RECIPIENT else []
                code = 250 if 250 in codes else codes[0]
                getattr(self, Kind(kind).name.lower())(line, code, flags & Flag.GAP_CLIENT)
        self.end()

    def begins(self, kind, codes):
        """A transaction begins with MAIL, or is under way where only a part of one gets such a reply."""
        proof = {Kind.RCPT: {250}, Kind.DATA: {354}, Kind.BDAT: {250}, Kind.DOT: {MISSING, 0, 250, 450, 452}}
        if proof.get(Kind(kind), set()).intersection(codes):
            self.begin(seen=False)
        return self.now or kind == Kind.MAIL

    def begin(self, *, seen):
        self.now = {"yes": 0, "no": 0, "lost": 0, "size": NULL, "chunks": 0, "whole": False, "seen": seen}

    def end(self, code=0):
        now, self.now = self.now, None
        each, self.each = self.each, []
        if now:
            yes, no, lost, taken = now["yes"], now["no"], now["lost"], code == 250 and now["whole"]
            if each and code > 0 and now["whole"]:
                yes, no, lost = each.count(250), no + len([c for c in each if c > 400]), each.count(MISSING)
            self.taken += taken
            self.unsure += code == MISSING
            if taken and now["seen"] and (yes, lost) == (0, 1):
                yes = 1  # who else?
            if not yes + no and (taken or lost or not now["seen"]):
                yes = no = NULL
            yes = NULL if taken and not yes else yes
            self.ended.append((len(self.ended) + 1, yes, no, now["size"], now["chunks"], max(code, 0)))

    def mail(self, _, code, __):
        if self.now and code == 503:
            return  # the one that is under way goes on
        self.end()
        self.begin(seen=True)
        if code in (450, 503):
            self.end(code)

    def rset(self, *_):
        self.end()

    hello = rset

    def plain(self, *_):
        pass

    def rcpt(self, _, code, __):
        self.now["yes"] += code == 250
        self.now["no"] += code == 450
        self.now["lost"] += code == MISSING

    def data(self, _, code, __):
        if code == 503:
            self.end(code)

    def bdat(self, line, code, _):
        self.now |= {"chunks": self.now["chunks"] + 1, "size": max(0, self.now["size"]) + 5, "whole": True}
        if code in (452, 552) or line.endswith(b"last "):
            self.end(code)

    def dot(self, _, code, gap):
        self.now |= {"whole": True, "size": self.now["size"] if gap else 5}
        self.end(code)


@settings(max_examples=300, deadline=None)
@given(sessions)
def test_columns_tell_what_units_tell_one_after_the_other(talks):
    """Wherever a session is cut into parts, its transactions are those of the whole, in order."""
    state, found = np.zeros((len(talks), s.M_WIDTH), np.int64), [[] for _ in talks]
    for number in range(3):
        rows = rows_of([parts[number] for parts in talks], final=number == 2)
        ended, under_way = mail.follow(rows, Said(rows, {}, Texts()), np.arange(len(rows.units)), state)
        codes = np.append(rows.units[:, s.U_CODE], 0)[ended.unit]
        columns = (ended.n, ended.accepted, ended.refused, ended.size, ended.chunks, codes)
        for session, *row in zip(ended.session.tolist(), *(column.tolist() for column in columns), strict=True):
            found[session].append(tuple(row))
        begun = under_way[under_way >= 0]
        assert (rows.units[begun, s.U_KIND] == Kind.MAIL).all()

    read = [OneByOne(parts) for parts in talks]
    assert found == [each.ended for each in read]
    taken = [NULL if each.unsure and not each.taken else each.taken for each in read]
    assert mail.taken(state).tolist() == taken


#: Lines of MAIL, and the reverse-path of each.
PATHS = {
    b"MAIL FROM:<a@b> X": "<a@b>",
    b"MAIL": "",
    b"MAIL FROM:": "",
    b"MAIL FROM: \t<a@b.test>": "<a@b.test>",
    b"MAIL FROM:a@b.test SIZE=10": "a@b.test",
    b"MAIL FROM:<> BODY=8BITMIME": "<>",
    b"MAIL FROM:<@x,@y:a@b.test> X": "<@x,@y:a@b.test>",
    b'MAIL FROM:<"a > b"@b.test> SIZE=10': '<"a > b"@b.test>',
    b'MAIL FROM:"a b"@b.test SIZE=10': '"a b"@b.test',
    rb'MAIL FROM:<"a\" b\\"@b.test> SIZE=10': r'<"a\" b\\"@b.test>',
    b'MAIL FROM:<"a b@c> SIZE=10': '<"a b@c> SIZE=10',
    b'MAIL FROM:<"a \\': '<"a \\',
}


def test_paths_are_those_of_the_units():
    """The reverse-path is the word behind the colon, quoted strings and all; -1 is nobody's."""
    rows = rows_of([[(int(Kind.MAIL), line, 250, 0) for line in PATHS]], 1)

    numbers = np.array([-1, *range(len(PATHS))])
    assert mail.paths(Said(rows, {}, Texts()), numbers).list() == [None, *PATHS.values()]


def test_a_hostile_path_takes_linear_time():
    """Quotes that are never closed are read once."""
    line = b"MAIL FROM:" + b'\\"' * 100_000 + b'"' + b'\\"' * 100_000
    rows = rows_of([[(int(Kind.MAIL), line, 250, 0)]], 1)

    (path,) = mail.paths(Said(rows, {}, Texts()), np.array([0])).list()
    assert path.startswith('\\"' * 100)
