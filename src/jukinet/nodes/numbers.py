"""Numbers (符号) at the agency: verified, put together and unblinded here, and nowhere else.

The parts of some numbers come in a package, one sealed lot from each keeper, each with one proof
for all of it; with the answer comes the blind. So neither a keeper nor the door ever sees a
number, and a keeper that cheats is named.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from jukinet.disclosure.pseudonyms import parts_context, sector_number
from jukinet.errors import JukinetError, Malformed, Refused
from jukinet.keys import threshold
from jukinet.keys.group import Element
from jukinet.keys.seal import OpenKey
from jukinet.keys.threshold import Parts
from jukinet.nodes import keeping
from jukinet.nodes.keyring import Directory, number_key
from jukinet.nodes.message import NumberParts

PACKAGE_BYTES: Final = 16
PACKAGES_MAX: Final = 8192  # that wait for their answers


class _Package(NamedTuple):
    """The verified parts of some numbers of a sector, put together; None where one is missing."""

    sector: str
    evaluated: tuple[Element | None, ...]

    def __repr__(self) -> str:
        """Shows nothing of it."""
        return "<Package>"


class Numbers:
    """The packages that an agency has been given."""

    def __init__(self, agency: str, opening: OpenKey, directory: Directory) -> None:
        self._agency = agency
        self._opening = opening
        self._directory = directory
        self._packages: OrderedDict[bytes, _Package] = OrderedDict()

    def take(self, body: NumberParts) -> None:
        """Open and verify a package; raises Refused or Malformed, naming the keeper at fault."""
        lots: list[keeping.Parts] = []
        among: list[int] = []
        for keeper, sealed in body.parts:
            entry = self._directory.keepers.get(keeper)
            if entry is None:
                raise Refused("number: its parts are of somebody who is no keeper")
            lots.append(self._opened(body.sector, keeper, sealed))
            among.append(entry.index)
        if any((one.among, one.elements) != (tuple(among), lots[0].elements) for one in lots):
            raise Refused("number: the keepers' parts are not of one order")
        for index, (keeper, _), lot in zip(among, body.parts, lots, strict=True):
            self._verify(body.sector, keeper, index, lot)
        evaluated = tuple(
            threshold.combine(parts) if all(parts) else None
            for parts in zip(*(lot.values for lot in lots), strict=True)
        )
        self._packages[body.package] = _Package(body.sector, evaluated)
        if len(self._packages) > PACKAGES_MAX:
            self._packages.popitem(last=False)

    def has(self, parts: bytes) -> bool:
        """Whether the package that an answer speaks of is here."""
        return package_of(parts) in self._packages

    def number(self, sector: str, parts: bytes, blind: bytes) -> str:
        """The number that an answer speaks of; raises Refused or Malformed where there is none."""
        package = self._packages[package_of(parts)]
        place = int.from_bytes(parts[PACKAGE_BYTES:], "big")
        evaluated = package.evaluated[place] if place < len(package.evaluated) else None
        if package.sector != sector or evaluated is None:
            raise Refused("number: the parts that came are not of this answer's")
        return sector_number(sector, evaluated, blind)

    def _opened(self, sector: str, keeper: str, sealed: bytes) -> keeping.Parts:
        context = parts_context(sector, self._agency, keeper, self._directory.epoch)
        try:
            return keeping.decode_parts(self._opening.open(sealed, context=context))
        except JukinetError:
            raise Malformed(f"{keeper}: what it sealed to this agency does not open") from None

    def _verify(self, sector: str, keeper: str, index: int, lot: keeping.Parts) -> None:
        made = [place for place, value in enumerate(lot.values) if value]
        if len(lot.values) != len(lot.elements):
            raise Malformed(f"{keeper}: its parts are not as many as were asked for")
        if not made:
            return
        values = tuple(lot.values[place] for place in made)
        threshold.verify_partials(
            self._directory.group_keys[number_key(sector)],
            lot.among,
            [lot.elements[place] for place in made],
            Parts(index, self._directory.epoch, values, lot.proof),
        )


def package_of(parts: bytes) -> bytes:
    """Which package an answer speaks of."""
    return parts[:PACKAGE_BYTES]
