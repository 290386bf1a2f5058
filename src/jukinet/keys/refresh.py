"""Fresh shares of keys that exist: each epoch, for other holders, or for one who lost its own.

`Resharing`: k holders deal out their own shares, so that all hold values of another polynomial with
the same value at 0: the same keys, in the next epoch. Whoever gathered k - 1 shares of the old
epoch has gathered nothing; the old ones are to be wiped. It serves as well for another k or n.

`Recovery`: k holders deal out, among themselves, what their shares weigh at the lost one's index,
and hand the values to the one that lost it: it learns its own share again and nothing of theirs,
and they learn nothing of its. The others need not be there, and the epoch stays.

It is not a change of key: who once held k shares of one epoch has the key for good.

Source: A. Herzberg et al., "Proactive secret sharing" (1995); Y. Desmedt and S. Jajodia,
"Redistributing secret shares to new access structures" (1997), whose resharing serves as refresh.

>>> two = group.base(group.scalar_of(2))
>>> key = GroupKey(name="index", epoch=3, threshold=1, public=two, shares=(two,))
>>> plan = Resharing(nonce=bytes(16), keys=(key,), threshold=1, size=1, members=(
...     Member(name="keeper-1", verify=SigningKey(bytes(32)).public_bytes, deals=1, holds=1),))
>>> plan.check()
>>> plan.epoch
4
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from jukinet.errors import Damaged, Malformed, Refused
from jukinet.keys import dkg, group
from jukinet.keys.ceremony import Generation, Handing, Member, Message, Plan
from jukinet.keys.chance import Chance
from jukinet.keys.group import Element
from jukinet.keys.secret import Secret
from jukinet.keys.sign import SigningKey
from jukinet.keys.threshold import GroupKey, KeyShare, lagrange

__all__ = [
    "AnyPlan",
    "Generation",
    "Member",
    "Participant",
    "Recovery",
    "Resharing",
    "decode_plan",
    "encode_plan",
]


class _OfKeys(Plan, frozen=True, kw_only=True):
    """A plan for keys that exist; each dealer's constants are known by the public shares."""

    keys: tuple[GroupKey, ...]

    @property
    def at(self) -> int:
        """Where the old polynomials are looked at."""
        return 0

    @property
    def key_names(self) -> tuple[str, ...]:
        """As the keys are called."""
        return tuple(key.name for key in self.keys)

    def weight(self, dealer: Member) -> bytes:
        """What the dealer's share weighs among the dealers."""
        return lagrange(dealer.deals, tuple(each.deals for each in self.dealers), at=self.at)

    def constants(self, dealer: Member) -> tuple[Element, ...]:
        """The elements of the dealer's shares, weighed."""
        weight = self.weight(dealer)
        return tuple(group.times(weight, key.shares[dealer.deals - 1]) for key in self.keys)

    def check(self) -> None:
        """Raises Malformed unless exactly k holders of keys of one epoch deal."""
        Plan.check(self)
        first = self.keys[0]
        for key in self.keys:
            if (key.epoch, key.threshold, len(key.shares)) != (
                first.epoch,
                first.threshold,
                len(first.shares),
            ):
                raise Malformed("plan: wants keys of one epoch, one k and one n")
            key.check()
        if len(self.dealers) != first.threshold:
            raise Malformed(f"plan: wants exactly {first.threshold} dealers")
        if max(dealer.deals for dealer in self.dealers) > len(first.shares):
            raise Malformed(f"plan: a dealer has a share from 1 to {len(first.shares)}")


class Resharing(_OfKeys, frozen=True, kw_only=True, tag="resharing"):
    """The same keys in the next epoch, as `size` shares; who is away gets its own by a recovery."""

    size: int

    @property
    def epoch(self) -> int:
        """The one after the keys'."""
        return self.keys[0].epoch + 1

    @property
    def holders(self) -> int:
        """All of them, present or not."""
        return self.size


class Recovery(_OfKeys, frozen=True, kw_only=True, tag="recovery"):
    """Share `lost` of each key for one member, who neither deals nor holds, from k that do both."""

    lost: int

    @property
    def at(self) -> int:
        """At the lost share."""
        return self.lost

    @property
    def key_names(self) -> tuple[str, ...]:
        """The lost shares: what the helpers share out among themselves is no key."""
        return tuple(f"{key.name}, share {self.lost}" for key in self.keys)

    @property
    def epoch(self) -> int:
        """The keys'."""
        return self.keys[0].epoch

    @property
    def loser(self) -> Member:
        """The one whose share was lost."""
        return next(member for member in self.members if not member.deals)

    def check(self) -> None:
        """Raises Malformed unless k holders help one other, whose share is a share."""
        _OfKeys.check(self)
        helpers = self.dealers
        if self.receivers != helpers or len(self.members) != len(helpers) + 1:
            raise Malformed("plan: wants one member that lost a share and k that deal and hold")
        if self.threshold != self.keys[0].threshold:
            raise Malformed("plan: what helpers share out has the threshold of the keys")
        if not 1 <= self.lost <= len(self.keys[0].shares):
            raise Malformed(f"plan: lost is a share from 1 to {len(self.keys[0].shares)}")
        if self.lost in {helper.deals for helper in helpers}:
            raise Malformed("plan: the lost share is not among those that help")


AnyPlan: TypeAlias = Generation | Resharing | Recovery

_PLANS = msgspec.msgpack.Decoder(AnyPlan)


def encode_plan(plan: Plan) -> bytes:
    """A plan as MessagePack, to be sent to its members."""
    return msgspec.msgpack.encode(plan)


def decode_plan(encoded: bytes) -> AnyPlan:
    """The plan, checked. Raises Malformed when it is none or cannot be carried out."""
    try:
        plan: AnyPlan = _PLANS.decode(encoded)
    except msgspec.DecodeError:
        raise Malformed("plan: what came is no plan of a ceremony") from None
    plan.check()
    return plan


class Participant(dkg.Participant):
    """One member in any ceremony: of new keys, of fresh shares, or of a share that was lost."""

    def __init__(
        self,
        plan: Plan,
        name: str,
        *,
        signing: SigningKey,
        chance: Chance,
        shares: Mapping[str, KeyShare] | None = None,
    ) -> None:
        """As of new keys; `shares` are those that this member deals, by name of the key."""
        self._handings: dict[str, Handing] = {}
        super().__init__(plan, name, signing=signing, chance=chance, shares=shares)

    def missing(self) -> tuple[str, ...]:
        """Those whose next word this member waits for."""
        missing = super().missing()
        if missing or not self._lost_a_share:
            return missing
        return tuple(
            helper.name for helper in self._plan.dealers if helper.name not in self._handings
        )

    @property
    def _lost_a_share(self) -> bool:
        return isinstance(self._plan, Recovery) and not self._me.deals

    def _constants_of(self, shares: Mapping[str, KeyShare]) -> list[Secret]:
        plan = self._plan
        if not isinstance(plan, _OfKeys):
            return super()._constants_of(shares)
        weight = plan.weight(self._me)
        return [group.scalar_mul(weight, self._own(shares, key).secret) for key in plan.keys]

    def _own(self, shares: Mapping[str, KeyShare], key: GroupKey) -> KeyShare:
        share = shares.get(key.name)
        if share is None or share.public != key or share.index != self._me.deals:
            raise Refused(
                "ceremony: this member has no such share of a key in the plan; it may be of another"
                " epoch",
                rule="epoch",
            )
        return share

    def _finish(self) -> list[Message]:
        """After a recovery's agreement helpers hand over, and the one that they help waits."""
        if not isinstance(self._plan, Recovery):
            return super()._finish()
        if self._me.deals:
            sealed = self._seal_to(self._plan.loser, self._me, self._shares)
            self._shares = []
            self._conclude({})
            return self._say(Handing(ceremony=self._id, sender=self._me.name, sealed=sealed))
        if len(self._handings) == len(self._plan.dealers):
            self._conclude(self._restored(self._plan))
        return []

    def _note_handing(self, handing: Handing) -> None:
        if not self._plan.member(handing.sender).deals or not isinstance(self._plan, Recovery):
            raise Malformed("ceremony: nothing is handed over here by this member")
        known = self._handings.setdefault(handing.sender, handing)
        if known.sealed != handing.sealed:
            raise dkg.Fault(handing.sender, "handed over two things")

    def _restored(self, plan: Recovery) -> dict[str, KeyShare]:
        handed = [self._handed(helper) for helper in plan.dealers]
        among = tuple(helper.holds for helper in plan.dealers)
        weights = [lagrange(index, among) for index in among]
        return {
            key.name: KeyShare(plan.lost, _weighed_sum(weights, values), key)
            for key, values in zip(plan.keys, zip(*handed, strict=True), strict=True)
        }

    def _handed(self, helper: Member) -> list[Secret]:
        """A helper's values. One that is wrong names it, to this member only: a proof would show
        the value to all.
        """
        sealed = self._handings[helper.name].sealed
        known = [(key.shares[helper.holds - 1],) for key in self._keys]
        try:
            return self._unsealed(sealed, helper, self._me, tuple(known))
        except (Damaged, Malformed):
            raise dkg.Fault(helper.name, "handed over a wrong value") from None


def _weighed_sum(weights: Sequence[bytes], values: Sequence[Secret]) -> Secret:
    total = Secret(bytes(group.SCALAR_SIZE))
    for weight, value in zip(weights, values, strict=True):
        with total, value, group.scalar_mul(weight, value) as product:
            total = group.scalar_add(total, product)
    return total
