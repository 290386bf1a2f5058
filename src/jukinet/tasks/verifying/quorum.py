"""Quorum (保管者の定足数): as many keepers of this folder as must work together, for verification.

What is sealed to their keys is opened, and numbers are made again, from parts as ever: no key is
put together. Where fewer shares stand here than are wanted, all that needs them is left unchecked.
"""

from collections.abc import Mapping, Sequence

from jukinet.disclosure import pseudonyms
from jukinet.keys import kem, oprf, threshold
from jukinet.keys.group import Element
from jukinet.keys.threshold import KeyShare
from jukinet.nodes.keyring import number_key, opening_key


class Quorum:
    """Shares of all keys, of k keepers."""

    def __init__(self, shares: Sequence[Mapping[str, KeyShare]]) -> None:
        """Raises KeyError where one of them lacks a key that the first one has."""
        self._shares = {name: [held[name] for held in shares] for name in shares[0]}
        self._numbers: dict[tuple[str, bytes, int], str] = {}

    def open(self, name: str, sealed: bytes, *, context: bytes) -> bytes:
        """What is sealed to a key; raises Damaged or Malformed."""
        shared = self._together(name, kem.encapsulated(sealed))
        return kem.open_with(shared, sealed, context=context)

    def open_handle(self, sector: str, agency: str, sealed: bytes) -> bytes:
        """What is sealed in a handle of an agency's sector; raises Damaged, Malformed, Refused."""
        name = opening_key(sector)
        public = self._shares[name][0].public.public
        context = pseudonyms.handle_context(sector, agency, public)
        shared = self._together(name, kem.check_proof(sealed, context=context))
        return kem.open_proved(shared, sealed, context=context)

    def number(self, sector: str, root: bytes, generation: int) -> str:
        """A person's number in a sector."""
        wanted = (sector, root, generation)
        if wanted not in self._numbers:
            hashed = oprf.hashed(pseudonyms.number_input(*wanted))
            evaluated = self._together(number_key(sector), hashed)
            self._numbers[wanted] = pseudonyms.spelled(sector, evaluated)
        return self._numbers[wanted]

    def has(self, sector: str) -> bool:
        """Whether there are keys for a sector."""
        return opening_key(sector) in self._shares and number_key(sector) in self._shares

    def _together(self, name: str, element: Element) -> Element:
        shares = self._shares[name]
        among = tuple(share.index for share in shares)
        return threshold.combine([threshold.partial(share, among, element) for share in shares])

    def __repr__(self) -> str:
        """Shows no share."""
        return "<Quorum>"
