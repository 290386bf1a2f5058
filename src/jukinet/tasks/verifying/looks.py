"""Looks (閲覧の記録): each bears the link of the one before, so none was taken out or put in."""

from jukinet.register.looks import LOOKS, START, link_after
from jukinet.tasks.verifying.stores import Shelf


def check_looks(shelf: Shelf) -> None:
    """The chain of a town's looks, from the first to the last."""
    link = START
    for place, row in enumerate(shelf.rows(LOOKS), start=1):
        if row.number != place:
            shelf.note(f"look {row.number}", f"it is the {place}. look; others were taken out")
            return
        link = link_after(link, tuple(row[:-1]))
        if row.link != link:
            shelf.note(f"look {row.number}", "its link does not follow from the look before")
            return
