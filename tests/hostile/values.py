"""Values that break programs: texts, numbers and times, as JSON tokens and as text."""

from __future__ import annotations

from random import Random

LONG = 1_000_000
# As JSON strings, escapes included: NUL, lone surrogates, right-to-left, combining marks, digits of other scripts, case that grows.
_STRINGS = (
    b'""',
    b'" "',
    b'"\\u0000"',
    b'"a\\u0000b"',
    b'"\\ud800"',
    b'"\\udfff x"',
    b'"\\ud83d"',
    b'"\xed\xa0\x80"',
    b'"\xff"',
    b'"\xc3"',
    b'"\\u202egnp.exe"',
    b'"e' + b"\\u0301" * 200 + b'"',
    b'"\\u2028\\u2029\\u0085"',
    b'"\\ufeffBTC-USD"',
    '"\u0661\u0662\u0663"'.encode(),
    '"\u2167"'.encode(),
    '"\u0130STANBUL-\u00df"'.encode(),
    '"\U0001d56c\U0001d56d-USD"'.encode(),
    b'"\\r\\n\\t\\u001b[31m"',
    b'"\'; DROP TABLE ticks; --"',
    b'"%s%n{0}$1\\\\"',
    b'"a|b|c"',
    b'"a,b\\"c"',
    b'"../../etc/passwd"',
    b'"=1+1"',
    b'"' + b"9" * 70 + b'"',
    b'"' + b"x" * 300 + b'"',
    b'"' + b"-" * 5_000 + b'"',
)
_NUMBERS = (
    b"0",
    b"-0",
    b"-1",
    b"0.1",
    b"2147483648",
    b"-2147483649",
    b"9007199254740993",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"999999999999999999",
    b"999999999999999999.999999999999999999",
    b"1000000000000000000",
    b"10000000000",
    b"9" * 40,
    b"9" * 400,
    b"0." + b"3" * 40,
    b"1e-18",
    b"1e-19",
    b"1e-30",
    b"1e17",
    b"1e400",
    b"1e-400",
    b"-1e400",
    b"1e999999999",
    b"1e-999999999",
    b"NaN",
    b"Infinity",
    b"-Infinity",
)
_OTHERS = (b"null", b"true", b"false", b"[]", b"{}", b"[[]]", b'{"a":{"b":[null]}}', b"[" * 40 + b"]" * 40, b"")
_TIMES = (
    b'"0001-01-01T00:00:00Z"',
    b'"1969-12-31T23:59:59.999999Z"',
    b'"9999-12-31T23:59:59.999999Z"',
    b'"9999-12-31T23:59:59-12:00"',
    b'"10000-01-01T00:00:00Z"',
    b'"2026-02-30T00:00:00Z"',
    b'"2026-06-30T23:59:60Z"',
    b'"2026-01-05T25:00:00+99:99"',
    b'"2026-01-05+09:00"',
    b'"2026-11-30\\u000000:00:00Z"',
    b'"x' + b" " * 2_000 + b'x"',
    b'"Thu, 01 Jan 1970 00:00:00 GMT"',
    b"253402300800000",
    b"253402300799999999",
    b"-62135596800",
    b"1",
)
LONG_STRING = b'"' + b"y" * LONG + b'"'
_POOLS = (_STRINGS, _NUMBERS, _OTHERS, _TIMES)
INTEGERS = (0, 1, -1, 2**31 - 1, 2**31, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64, -(2**31) - 1, -(2**63), -(2**63) - 1, 10**30)


def token(random: Random) -> bytes:
    """A hostile JSON value; a few are no JSON at all, one in 200 is a string of a megabyte."""
    if random.randrange(200) == 199:
        return LONG_STRING
    return random.choice(random.choice(_POOLS))


def text(random: Random) -> bytes:
    """A hostile value as it stands in a CSV field or a header: often text that is not UTF-8 or holds separators."""
    found = token(random)
    return found[1:-1].replace(b"\\u0000", b"\0") if found[:1] == b'"' and random.randrange(4) else found


def blob(random: Random, most: int = 64) -> bytes:
    """Any bytes."""
    return random.randbytes(random.randrange(most))


def stamp(random: Random, now_ms: int) -> int:
    """A record's timestamp in ms: mostly about now, else anything that 64 bits take."""
    if random.randrange(3):
        return now_ms + random.randrange(-120_000, 120_000)
    return random.choice((-1, 0, 1, -(2**63), 2**63 - 1, 2**53, 253_402_300_800_000, 31_536_000_000, random.randrange(-(2**63), 2**63)))
