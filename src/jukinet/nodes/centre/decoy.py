"""The decoy (空の封筒): the person whom every search finds that finds nobody.

Each prefecture holds one, sealed and chained like anybody, hidden like a protected person. So a
search that leads nowhere reads, writes down, opens and answers exactly as one that leads to
somebody who may not be shown.
"""

from datetime import date, datetime

from jukinet.index import people
from jukinet.keys.chance import Chance
from jukinet.law.identity import (
    LOCATOR_BYTES,
    ROOT_BYTES,
    SEED_BYTES,
    Attachment,
    Identification,
    Name,
    Sex,
)
from jukinet.law.notice import Notice, Reason, SealedNotice
from jukinet.ledger import chains
from jukinet.names.address import Address
from jukinet.names.era import parse_iso
from jukinet.names.legal import LegalName
from jukinet.nodes.centre.shelves import Shelves
from jukinet.nodes.sealing import Seals, seal_notice, start_chain
from jukinet.numbers.resident_code import complete

DECOY = bytes(LOCATOR_BYTES)


def place_decoys(shelves: Shelves, seals: Seals, chance: Chance, now: datetime) -> None:
    """Put a decoy into each prefecture that has none yet, and start the chain they share.

    The chain comes first: a crash between the two leaves a chain that the next decoy shares, never
    a decoy without a chain. Where the chains were restored from before there was one, it is begun
    anew: nobody reads along with it.
    """
    attachment = Attachment(
        locator=DECOY, root=chance(ROOT_BYTES), epoch=0, seed=chance(SEED_BYTES)
    )
    with shelves.chains.begin() as tx:
        if not chains.of(tx, [DECOY]):
            chains.start(tx, [(DECOY, start_chain(attachment, seals, chance))])
    for prefecture, store in shelves.prefectures.items():
        with store.begin() as tx:
            if people.found(tx, prefecture, DECOY) is None:
                sealed = _sealed(prefecture, attachment, seals, chance)
                arrived = people.Arrived(0, bytes(32), sealed, sealed.search_tags)
                people.take_in(tx, prefecture, [arrived], now.isoformat())


def _sealed(prefecture: str, attachment: Attachment, seals: Seals, chance: Chance) -> SealedNotice:
    return seal_notice(
        nobody(prefecture, attachment.root),
        town=f"{prefecture}0000",
        attachment=attachment,
        version=0,
        fresh_chain=False,
        tag_key=chance(32),
        code_key=chance(32),
        seals=seals,
        chance=chance,
    )


def nobody(prefecture: str, root: bytes) -> Notice:
    """What is sealed in a prefecture's decoy."""
    return Notice(
        person=Identification(
            name=Name(legal=LegalName("空")),
            birth_date=parse_iso("1900-01-01"),
            sex=Sex.UNSTATED,
            address=Address(
                municipality=f"{prefecture}0000",
                postal_code="0000000",
                town="空",
                block="",
                building="",
            ),
            code=complete("0000000000"),
        ),
        reason=Reason.EX_OFFICIO_ENTRY,
        event_date=date(1900, 1, 1),
        live=True,
        hidden=True,
        root=root,
    )
