"""Which trade ids of a symbol are missing: a fold over the ids as they arrive, in any order and any number of times. Pure.

Invariant: every id between the first one seen and the greatest is either seen or left in exactly one hole. A hole on the ledger stays,
with nothing left, until its end is on the ledger too: whoever goes on from here knows of it.
"""

from shared.events import Missing, Progress


def see(progress: Progress | None, number: int, at: int, now: int, reason: str) -> Progress:
    """Takes a trade's id and its time in us; returns what is known then."""
    if progress is None:
        return Progress(number, at)
    if number == progress.last + 1:
        return Progress(number, at, progress.missing)
    if number > progress.last:
        hole = Missing(progress.last + 1, number - 1, progress.at, at, now, reason, ((progress.last + 1, number - 1),), progress.at)
        return Progress(number, at, (*progress.missing, hole))
    for place, hole in enumerate(progress.missing):
        if hole.first <= number <= hole.last and (left := _without(hole.left, number)) != hole.left:
            after = max(hole.after, at) if number == hole.left[0][0] else hole.after
            smaller = (_replaced(hole, left, after, told=hole.told),) if left or hole.told else ()
            missing = (*progress.missing[:place], *smaller, *progress.missing[place + 1 :])
            return Progress(progress.last, progress.at, missing)
    return progress


def told(progress: Progress, first: int) -> Progress:
    """The hole that begins with this id is on the ledger."""
    missing = tuple(_replaced(hole, hole.left, hole.after, told=True) if hole.first == first else hole for hole in progress.missing)
    return Progress(progress.last, progress.at, missing)


def without(progress: Progress, first: int) -> Progress:
    """The hole that begins with this id has ended, one way or the other."""
    return Progress(progress.last, progress.at, tuple(hole for hole in progress.missing if hole.first != first))


def _without(left: tuple[tuple[int, int], ...], number: int) -> tuple[tuple[int, int], ...]:
    """The ranges without one number, which cuts one of them in two at most."""
    pieces: list[tuple[int, int]] = []
    for first, last in left:
        if first <= number <= last:
            pieces += [piece for piece in ((first, number - 1), (number + 1, last)) if piece[0] <= piece[1]]
        else:
            pieces.append((first, last))
    return tuple(pieces)


def _replaced(hole: Missing, left: tuple[tuple[int, int], ...], after: int, *, told: bool) -> Missing:
    return Missing(hole.first, hole.last, hole.start, hole.end, hole.found_at, hole.reason, left, after, told)
