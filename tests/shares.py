"""Shares for tests, dealt by one hand, as no ceremony of the real network would."""

from jukinet.keys import group, threshold
from jukinet.keys.group import Element
from jukinet.keys.secret import Secret


def dealt(rng, *, k=2, n=3, name="key", epoch=0, secret=None):
    """n shares of a key in the rng's hands; the key itself is the first coefficient."""
    coefficients = [rng.randrange(1, group.ORDER) for _ in range(k)]
    if secret is not None:
        coefficients[0] = secret
    values = [
        sum(c * index**power for power, c in enumerate(coefficients)) % group.ORDER
        for index in range(n + 1)
    ]
    elements: list[Element] = [group.base(group.scalar_of(value)) for value in values]
    key = threshold.GroupKey(
        name=name, epoch=epoch, threshold=k, public=elements[0], shares=tuple(elements[1:])
    )
    return [
        threshold.KeyShare(index, Secret(group.scalar_of(values[index])), key)
        for index in range(1, n + 1)
    ]
