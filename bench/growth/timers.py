"""The server's timer tasks: a row's time stands in a column, as text, and in protobuf.

Of that, this knows two fields of `TimerTaskInfo`, which follow one another: the task's number (10),
and its time (11).
"""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBER_TAG = b"P"
TIME_TAG = b"Z"
SECONDS_TAG = b"\x08"
NANOSECONDS_TAG = b"\x10"


def milliseconds_of(column: str) -> int:
    """Return the time of a row, in milliseconds since 1970, by its column."""
    return (datetime.fromisoformat(column) - EPOCH) // timedelta(milliseconds=1)


def column_of(milliseconds: int) -> str:
    """Return the column of a row of this time, as the server writes it."""
    at = EPOCH + timedelta(milliseconds=milliseconds)
    fraction = f".{milliseconds % 1000:03}".rstrip("0").rstrip(".")
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction}+00:00"


def at_time(task: bytes, milliseconds: int) -> bytes:
    """Return a task in protobuf with this time.

    Raises:
        ValueError: it is no timer task.
    """
    seconds, rest = divmod(milliseconds, 1000)
    body = SECONDS_TAG + varint(seconds)
    if rest:
        body += NANOSECONDS_TAG + varint(rest * 1_000_000)
    begin, end = _time_field(task)
    return task[:begin] + TIME_TAG + varint(len(body)) + body + task[end:]


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    result = bytearray()
    while number > 0x7F:  # noqa: PLR2004
        result.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*result, number])


def _time_field(task: bytes) -> tuple[int, int]:
    """Return where the time's field begins and ends: behind the number's varint."""
    for begin in range(len(task) - 2):
        if task[begin : begin + 1] == NUMBER_TAG:
            end = begin + 1
            while end < len(task) and task[end] & 0x80:
                end += 1
            end += 1
            if task[end : end + 1] == TIME_TAG and task[end + 2 : end + 3] == SECONDS_TAG:
                return end, end + 2 + task[end + 1]
    raise ValueError("it is no timer task")
