"""Looks (閲覧の記録): each bears the link of the one before, so none was taken out or put in."""

from jukinet.register.looks import LOOKS, START, link_after
from jukinet.tasks.verifying.stores import Shelf


def check_looks(shelf: Shelf) -> None:
    """The chain of a town's looks, from the first to the last; where it breaks is said once."""
    link, whole = START, True
    for place, row in enumerate(shelf.rows(LOOKS), start=1):
        link = link_after(link, tuple(row[:-1]))
        if whole and row.number != place:
            shelf.note(f"look {row.number}", f"is number {place}; others were taken out or put in")
        elif whole and row.link != link:
            shelf.note(f"look {row.number}", "its link does not follow from the look before")
        whole = whole and (row.number, row.link) == (place, link)
