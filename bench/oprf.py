"""Sector numbers and handles: threshold OPRF 2 of 3 with proofs, handles opened, texts sealed.

One core does everybody's work: the asker blinds, two keepers evaluate and prove, the asker verifies
both proofs, combines, takes the blind off and finishes. Beside it stands what the library alone
does: the very scalar multiplications of that work, recorded and called again without anything
between them. What is not in them: hashing to the group, adding (libsodium decodes both elements and
encodes the sum each time, a quarter of a multiplication), hashing, and Python. Seconds are the
processor's, as nothing here waits for anything else.
"""

from collections.abc import Callable
from random import Random
from statistics import median
from time import process_time
from typing import Any

from figure import Figure, of_rounds
from jukinet.keys import group, kem, oprf, seal, threshold
from jukinet.keys.secret import Secret
from jukinet.keys.threshold import GroupKey, KeyShare

ROUNDS = 5
ONE_BY_ONE = 250
BATCH = 250
HANDLES = 1_000
SEALS = 2_000
LOCKS = 20_000
AMONG = (1, 3)
TEXT = bytes(64)
BARE_IS = "libsodium's multiplications of the same work"
RNG = Random(20020805)
CHANCE = RNG.randbytes


def figures() -> list[Figure]:
    """All figures of the keepers' work."""
    shares = _shares()
    key = shares[0].public
    return [
        _numbers(key, shares, ONE_BY_ONE, batch=1, at_least=1_000),
        _numbers(key, shares, BATCH, batch=BATCH, at_least=2_000),
        _opened(shares[0]),
        _sealed("sealed to a threshold key", kem.seal, key, at_least=8_000),
        _sealed("sealed as a handle, with its proof", kem.seal_proved, key),
        _locked(),
    ]


def _shares() -> list[KeyShare]:
    """Three shares, two of which make the key; dealt by one hand, which the figures do not mind."""
    first, second = (RNG.randrange(1, group.ORDER) for _ in range(2))
    scalars = [group.scalar_of(first + index * second) for index in range(4)]
    elements = tuple(group.base(scalar) for scalar in scalars)
    key = GroupKey(name="bench", epoch=0, threshold=2, public=elements[0], shares=elements[1:])
    return [KeyShare(index, Secret(scalars[index]), key) for index in (1, 2, 3)]


def _numbers(
    key: GroupKey, shares: list[KeyShare], count: int, *, batch: int, at_least: int
) -> Figure:
    """Sector numbers of `count` persons, `batch` to a proof."""
    texts = [b"person %d" % number for number in range(batch)]

    def work() -> None:
        for _ in range(count // batch):
            _number(key, shares, texts)

    work()
    how = "one by one" if batch == 1 else f"{batch} a proof"
    return of_rounds(
        f"threshold OPRF 2 of 3 with proofs, {how}",
        count,
        _beside_bare(work),
        at_least=at_least,
        bare_is=BARE_IS,
    )


def _number(key: GroupKey, shares: list[KeyShare], texts: list[bytes]) -> list[bytes]:
    blindings = [group.draw_scalar(CHANCE) for _ in texts]
    blinded = [oprf.blind(text, blinding) for text, blinding in zip(texts, blindings, strict=True)]
    lots = [
        threshold.partials(shares[index - 1], AMONG, blinded, proof=True, chance=CHANCE)
        for index in AMONG
    ]
    for parts in lots:
        threshold.verify_partials(key, AMONG, blinded, parts)
    combined = threshold.combine_each(lots, AMONG)
    unblinded = oprf.unblind_each(combined, blindings)
    return [oprf.output(text, element) for text, element in zip(texts, unblinded, strict=True)]


def _opened(share: KeyShare) -> Figure:
    """One keeper's core: check each handle's proof of knowledge, then work on all."""
    public = share.public.public
    handles = [kem.seal_proved(public, TEXT, context=b"c", chance=CHANCE) for _ in range(HANDLES)]

    def work() -> None:
        points = [kem.check_proof(handle, context=b"c") for handle in handles]
        threshold.partials(share, AMONG, points)

    return of_rounds(
        f"handles opened by a keeper, proof checked, {HANDLES:,} a batch",
        HANDLES,
        _beside_bare(work),
        at_least=4_000,
        bare_is=BARE_IS,
    )


def _sealed(
    what: str, sealing: Callable[..., bytes], key: GroupKey, at_least: int | None = None
) -> Figure:
    def work() -> None:
        for _ in range(SEALS):
            sealing(key.public, TEXT, context=b"c", chance=CHANCE)

    return of_rounds(
        f"texts of {len(TEXT)} bytes {what}",
        SEALS,
        _beside_bare(work),
        at_least=at_least,
        bare_is=BARE_IS,
    )


def _locked() -> Figure:
    """The AEAD layer alone: a key of its own for each text, as in every sealed payload."""
    keys = [RNG.randbytes(32) for _ in range(LOCKS)]
    rounds = []
    for _ in range(ROUNDS):
        began = process_time()
        for each in keys:
            seal.lock(each, TEXT, nonce=bytes(12), context=b"c")
        rounds.append(process_time() - began)
    return Figure(
        f"texts of {len(TEXT)} bytes locked, a key for each",
        LOCKS / median(rounds),
        at_least=100_000,
    )


def _beside_bare(work: Callable[[], object]) -> list[tuple[float, float]]:
    """Seconds of some work, and of the library for its multiplications, in turns."""
    calls = _recorded(work)
    rounds = []
    for _ in range(ROUNDS):
        began = process_time()
        work()
        between = process_time()
        for function, arguments in calls:
            function(*arguments)
        rounds.append((between - began, process_time() - between))
    return rounds


def _recorded(work: Callable[[], object]) -> list[tuple[Any, tuple[Any, ...]]]:
    """Every scalar multiplication of some work, with places of its own for result and scalar."""
    calls: list[tuple[Any, tuple[Any, ...]]] = []
    place = group._Place()

    def recording(function: Any) -> Any:
        def call(result: Any, scalar: Any, *element: bytes) -> int:
            held = scalar.publish() if isinstance(scalar, Secret) else bytes(scalar)
            calls.append((function, (place, held, *element)))
            return int(function(result, scalar, *element))

        return call

    originals = group._multiply, group._multiply_base
    group._multiply, group._multiply_base = map(recording, originals)
    try:
        work()
    finally:
        group._multiply, group._multiply_base = originals
    return calls
