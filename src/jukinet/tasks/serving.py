"""Serving (頁の提供): an open network behind the pages that people see.

One process serves a folder: it holds the folder's lock, so no other command works in it meanwhile.
Everybody in the folder of a demo is made up, and may be played; where real books are kept there are
no samples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property

from jukinet.client.receipts import LogKey
from jukinet.client.view_key import ViewKey
from jukinet.feed import inbox
from jukinet.feed.inbox import Incoming
from jukinet.law.record import Record
from jukinet.merkle.runs import Read
from jukinet.nodes.keyring import Directory
from jukinet.nodes.municipality import Municipality
from jukinet.register import book
from jukinet.store.disk import RealDisk
from jukinet.tasks.demo import asked_about
from jukinet.tasks.folder import Folder
from jukinet.tasks.network import Network, open_network
from jukinet.tasks.residents import give_view_key, object_to
from jukinet.web.app import application
from jukinet.web.guard import LOOPBACK, Guard
from jukinet.web.house import House, Sample, Worker
from jukinet.web.watching import Watch
from jukinet.wire.line import Line


class OpenHouse:
    """An open network, as the pages reach it (web.house.House)."""

    def __init__(self, network: Network, *, synthetic: bool) -> None:
        self._network = network
        self._disk = RealDisk(network.folder.log)
        self.synthetic = synthetic
        self.watch = Watch(self.read, LogKey.parse(network.directory.policy).policy)

    @property
    def directory(self) -> Directory:
        """Who is who."""
        return self._network.directory

    @property
    def towns(self) -> Mapping[str, Municipality]:
        """The towns' nodes."""
        return self._network.towns

    @property
    def line(self) -> Line:
        """The line on which all nodes are."""
        return self._network.line

    @property
    def read(self) -> Read:
        """The files of the public log."""
        return lambda path: self._disk.read(path) if self._disk.exists(path) else None

    def heard(self, town: str) -> Incoming:
        """How far the centre has applied a town's feed, and when it last did."""
        shelf = self._network.centre.shelves.prefectures[town[:2]]
        with shelf.begin() as tx:
            return inbox.standing(tx, self.towns[town].to_centre)

    def samples(self) -> Sequence[Sample]:
        """Those who were asked about most, so that there is something to see."""
        return self._samples if self.synthetic else ()

    @cached_property
    def _samples(self) -> Sequence[Sample]:
        found = asked_about(self._network)
        return [Sample(town.name, record.number) for town, record in found] or list(self._first())

    def _first(self) -> Iterator[Sample]:
        """Somebody of each town, where nobody was asked about."""
        for code, node in self.towns.items():
            with node.store.begin() as tx:
                for kept in book.everybody(tx):
                    if kept.record.live and not kept.record.hidden:
                        yield Sample(code, kept.record.number)
                        break

    def object_to(self, key: ViewKey, place: int, text: str) -> None:
        """Object to the entry of a place of one's chain; Malformed or Refused where one cannot."""
        object_to(self._network, key, place, text)

    def view_key(self, town: str, record: Record) -> ViewKey:
        """A view key, given anew: its leaf stands on the person's chain."""
        return give_view_key(self._network, self.towns[town], record, official="portal")


@contextmanager
def open_house(folder: Folder, now: datetime) -> Iterator[House]:
    """A folder's network, brought up for the pages."""
    synthetic = folder.require().seed is not None
    with open_network(folder, now) as network:
        yield OpenHouse(network, synthetic=synthetic)


def worker(folder: Folder, clock: Callable[[], datetime]) -> Worker:
    """The thread in which a folder's network is to live; it is not open yet."""
    return Worker(lambda: open_house(folder, clock()), clock)


def pages(working: Worker, complain: Callable[[str], None], name: str = "") -> Guard:
    """The application over an open worker; `complain` hears where the program went wrong.

    It answers to the names of this machine alone, and to `name`, if one is given.
    """
    names = LOOPBACK | {name} if name else LOOPBACK
    return application(working, complain=complain, names=names)
