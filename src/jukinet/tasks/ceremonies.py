"""Ceremonies (鍵生成の儀): how keepers come to shares, to fresh ones, and to a lost one again.

Whoever holds a ceremony carries words between the keepers (nodes.convening) and learns no share. It
begins with the question how each keeper stands: one that was cut off before the last words of an
epoch that counts elsewhere is brought them first. What the keepers say they hold is believed where
all of them have signed it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from jukinet.errors import OutOfStep, Refused
from jukinet.keys.ceremony import Member, Plan
from jukinet.keys.chance import Chance
from jukinet.keys.refresh import Generation, Recovery, Resharing
from jukinet.nodes.convening import COORDINATOR, PATIENCE, Coordinator, Ended
from jukinet.nodes.keyring import Directory
from jukinet.nodes.message import AskStanding, Message, Node, Standing
from jukinet.nodes.office import NO_EPOCH, Sharing, Trusted, agreements, ceremonies, proved
from jukinet.nodes.seat import Seat
from jukinet.tasks.folder import Folder
from jukinet.tasks.keeping import (
    ADDRESSES,
    DIRECTORY,
    Addresses,
    Keepers,
    create,
    open_seat,
    sharing_of,
    stands,
    trust,
    with_sharing,
)
from jukinet.wire.line import Line
from jukinet.wire.remote_keeper import RemoteKeeper

NONCE: Final = 16


class Round:
    """The keepers on a line, and a coordinator that asks and convenes."""

    def __init__(
        self, nodes: Sequence[Node], now: datetime, patience: timedelta = PATIENCE
    ) -> None:
        self._line = Line(now)
        self._patience = patience
        for node in nodes:
            self._line.join(node)

    def standings(self, names: Sequence[str]) -> dict[str, Standing]:
        """What each keeper says of itself; those that are silent are left out."""
        heard = self._line.listen(COORDINATOR)
        heard.clear()
        for name in names:
            self._line.post(Message(sender=COORDINATOR, receiver=name, body=AskStanding()))
        self._line.run()
        return {one.sender: one.body for one in heard if isinstance(one.body, Standing)}

    def caught_up(self, names: Sequence[str]) -> dict[str, Standing]:
        """What each keeper says of itself, once those who were cut off have caught up.

        They are brought the last words of a ceremony that counts elsewhere.
        """
        found = self.standings(names)
        return self.standings(names) if self._bring_last_words(found) else found

    def _bring_last_words(self, standings: Mapping[str, Standing]) -> bool:
        brought = False
        newest = max((one.epoch for one in standings.values()), default=NO_EPOCH)
        for ahead in standings.values():
            if ahead.epoch == newest:
                for _, certificate in ceremonies(ahead):
                    mail = agreements(certificate)
                    for name, one in standings.items():
                        if one.made != ahead.made:
                            self._line.post(Message(sender=COORDINATOR, receiver=name, body=mail))
                            brought = True
        self._line.run()
        return brought

    def hold(self, plan: Plan) -> Ended:
        """Hold a ceremony to whatever end it comes."""
        coordinator = Coordinator(plan, patience=self._patience)
        self._line.join(coordinator)
        self._line.run()
        if coordinator.ended is None:
            self._line.until(self._line.now + self._patience)
        self._line.leave(COORDINATOR)
        ended = coordinator.ended
        if ended is None:
            raise OutOfStep("ceremony: it has come to no end; begin another one")
        return ended


def refuse_unagreed(ended: Ended) -> None:
    """Refused, with what each keeper says, unless a ceremony counts at all of them."""
    if ended.agreed:
        return
    said = [f"{name}: {reason}" for name, reason in ended.refused.items()]
    for name, (blamed, reason) in ended.blamed.items():
        said.append(f"{name} blames {', '.join(blamed)}, who {reason}")
    said += [
        f"{name}: does not answer; start it and give the command again" for name in ended.silent
    ]
    if not said:
        said = [f"{name}: waits for words that nobody has said" for name in ended.waiting]
    raise Refused("ceremony: nothing counts that did not count before; " + "; ".join(said))


def shared(
    standings: Mapping[str, Standing], keepers: Keepers, *, without: str = ""
) -> Sharing | None:
    """What all keepers hold together, proved by their signatures; None where none holds any.

    Raises Refused where one is silent, has other keys than it should, or is of another epoch. Of
    one nothing is expected: whose share was lost, `without`.
    """
    names = [name for name in keepers.names if name != without]
    for one in keepers.trusted.keepers:
        if one.name == without:
            continue
        found = standings.get(one.name)
        if found is None:
            raise Refused(f"{one.name}: does not answer; start it and give the command again")
        if (found.verify, found.seal) != (one.verify, one.seal):
            raise Refused(f"{one.name}: has other keys than the file of the keepers says")
    epochs = {standings[name].epoch for name in names}
    if epochs == {NO_EPOCH}:
        return None
    if len(epochs) > 1:
        behind = [name for name in names if standings[name].epoch < max(epochs)]
        raise Refused(
            f"{', '.join(behind)}: holds no shares of epoch {max(epochs)}, as others do; give it "
            "its own with `jukinet keeper recover --lost NAME`"
        )
    found_all = [proved(standings[name], keepers.trusted) for name in names]
    keys = [{key.name: key for key in one.keys} for one in found_all]
    if any(one != keys[0] for one in keys):
        raise Refused("keepers: they hold different keys; refresh, or recover those that differ")
    return found_all[0]


def generation(trusted: Trusted, names: Sequence[str], epoch: int, chance: Chance) -> Generation:
    """New keys for all of some keepers."""
    return Generation(
        nonce=chance(NONCE),
        names=tuple(names),
        threshold=trusted.threshold,
        members=trusted.members(),
        first_epoch=epoch,
    )


def resharing(sharing: Sharing, after: Trusted, deals: Sequence[str], chance: Chance) -> Resharing:
    """The keys of a sharing in its next epoch, among the same keepers or others.

    `deals` are the old holders that are there; the first k of them deal. Raises Refused where there
    are fewer.
    """
    now = sharing.among
    dealers = [one for one in now.keepers if one.name in deals][: now.threshold]
    if len(dealers) < now.threshold:
        raise Refused(
            f"keepers: {now.threshold} of those that hold shares must deal, {len(dealers)} are "
            "there; start the others"
        )
    deal_at = {(one.name, one.verify): one.index for one in dealers}
    staying = {(one.name, one.verify) for one in after.keepers}
    return Resharing(
        nonce=chance(NONCE),
        keys=sharing.keys,
        threshold=after.threshold,
        size=len(after.keepers),
        members=(
            *(
                Member(
                    name=one.name,
                    verify=one.verify,
                    deals=deal_at.get((one.name, one.verify), 0),
                    holds=one.index,
                )
                for one in after.keepers
            ),
            *(
                Member(name=one.name, verify=one.verify, deals=one.index)
                for one in dealers
                if (one.name, one.verify) not in staying
            ),
        ),
    )


def recovery(
    sharing: Sharing, after: Trusted, lost: str, helpers: Sequence[str], chance: Chance
) -> Recovery:
    """The share of one keeper, made again by k others. Raises Refused where there are fewer."""
    by_name = {one.name: one for one in after.keepers}
    if lost not in by_name:
        raise Refused(f"{lost}: is none of these keepers")
    found = [by_name[name] for name in by_name if name in helpers and name != lost]
    if len(found) < after.threshold:
        raise Refused(
            f"keepers: {after.threshold} others must help, {len(found)} are there; start them"
        )
    loser = by_name[lost]
    return Recovery(
        nonce=chance(NONCE),
        keys=sharing.keys,
        threshold=after.threshold,
        lost=loser.index,
        members=(
            *(
                Member(name=one.name, verify=one.verify, deals=one.index, holds=one.index)
                for one in found[: after.threshold]
            ),
            Member(name=loser.name, verify=loser.verify),
        ),
    )


# --- the keepers of a network ----------------------------------------------------------------


def found_own(
    folder: Folder, names: Sequence[str], wanted: int, keys: Sequence[str], chance: Chance
) -> Sharing:
    """A network's own keepers, each in a folder that could stand anywhere, and their ceremony."""
    own = {name: folder.within(folder.keeper_name(name)) for name in names}
    cards = [create(each, name, chance=chance) for name, each in own.items()]
    trusted = Trusted(
        threshold=wanted,
        keepers=tuple(each.entry(index) for index, each in enumerate(cards, start=1)),
    )
    for each in own.values():
        trust(each, trusted)
    with ExitStack() as stack:
        seats = [stack.enter_context(open_seat(each, chance=chance)) for each in own.values()]
        round_ = Round(seats, datetime.now(UTC))
        refuse_unagreed(round_.hold(generation(trusted, keys, 0, chance)))
        found = shared(round_.standings(names), Keepers(trusted, {}))
    if found is None:
        raise OutOfStep("ceremony: it counts, and nobody holds shares")
    return found


@contextmanager
def gathered(keepers: Keepers, folder: Folder | None, now: datetime) -> Iterator["Round"]:
    """Some keepers on one line, until the end: elsewhere, or in a network's own folder.

    Raises Refused for one that is neither.
    """
    with ExitStack() as stack:
        nodes: list[Node] = []
        for name in keepers.names:
            if name in keepers.urls:
                remote = RemoteKeeper(name, keepers.urls[name], patient=True)
                stack.callback(remote.close)
                nodes.append(remote)
            elif folder is not None and stands(folder.keeper(name)):
                own = folder.within(folder.keeper_name(name))
                nodes.append(stack.enter_context(open_seat(own)))
            elif folder is None:
                raise Refused(f"{name}: its line has no address; add where it runs")
        yield Round(nodes, now)


def of_network(folder: Folder) -> Keepers:
    """The keepers of a network's directory, and where they are."""
    sharing = sharing_of(folder.public(DIRECTORY, Directory))
    return Keepers(sharing.among, folder.public(ADDRESSES, Addresses).urls)


def together(before: Keepers, after: Keepers) -> Keepers:
    """Old and new keepers, each once; the new file says where one of both is."""
    entries = {one.name: one for one in (*before.trusted.keepers, *after.trusted.keepers)}
    return Keepers(
        Trusted(threshold=after.trusted.threshold, keepers=tuple(entries.values())),
        {**before.urls, **after.urls},
    )


def tell_own(folder: Folder, keepers: Keepers) -> None:
    """Tell the keepers in a network's own folder with whom to work; others are told elsewhere."""
    for one in keepers.trusted.keepers:
        own = folder.within(folder.keeper_name(one.name))
        if one.name not in keepers.urls and stands(own.root):
            trust(own, keepers.trusted)


def make_lost(folder: Folder, keepers: Keepers, lost: str) -> Keepers:
    """A new keeper in the place of a network's own one whose folder is gone, and the others told.

    A keeper that still stands is as it was: it gets its share by its own keys.
    """
    if lost in keepers.urls or stands(folder.keeper(lost)):
        return keepers
    made = create(folder.within(folder.keeper_name(lost)), lost)
    entries = tuple(
        made.entry(one.index) if one.name == lost else one for one in keepers.trusted.keepers
    )
    after = Keepers(Trusted(threshold=keepers.trusted.threshold, keepers=entries), keepers.urls)
    tell_own(folder, after)
    return after


def put_sharing(folder: Folder, sharing: Sharing, urls: Mapping[str, str]) -> None:
    """Have a network's directory say what its keepers hold; its log follows when it comes up."""
    directory = folder.public(DIRECTORY, Directory)
    folder.put_public(ADDRESSES, Addresses(urls=dict(urls)))
    folder.put_public(DIRECTORY, with_sharing(directory, sharing))


def adopted(folder: Folder, directory: Directory, seats: Mapping[str, Seat]) -> Directory:
    """The directory as the network's own keepers prove it, where they are an epoch ahead.

    A crash may come between the last word of a ceremony and the directory.
    """
    keepers = of_network(folder)
    if keepers.urls or {seat.office.epoch for seat in seats.values()} == {directory.epoch}:
        return directory
    sharing = shared({name: seat.office.standing() for name, seat in seats.items()}, keepers)
    if sharing is None or sharing.epoch <= directory.epoch:
        return directory
    put_sharing(folder, sharing, keepers.urls)
    return with_sharing(directory, sharing)
