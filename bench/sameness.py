"""How long a hidden person's, an unknown one's and a resident's questions take, in microseconds.

That the hidden and the unknown cost the same statements and key operations is a test; what is left
to see here is whether their times can be told apart: medians over many questions, asked one by one
in random order.
"""

from random import Random
from statistics import median
from time import perf_counter

import net
from figure import Figure
from jukinet.law.schedule import Kind
from jukinet.tasks.asking import search
from jukinet.tasks.living import Living

RESIDENTS, QUESTIONS = 6_000, 400


def figures() -> list[Figure]:
    """The figures of this script: microseconds, the median of each kind."""
    with net.network(3, RESIDENTS) as network:
        living = Living(network, network.folder.mark())
        living.build()
        assert living.world is not None
        people = list(living.world.people.values())
        hidden = [one for one in people if one.measure is not None]
        shown = [one for one in people if one.measure is None]
        rng = Random(net.SEED)
        times: dict[str, list[float]] = {"hidden": [], "unknown": [], "resident": []}
        agency = network.agencies["pension"]
        for _ in range(QUESTIONS):
            kind = rng.choice(sorted(times))
            person = rng.choice(hidden if kind == "hidden" else shown)
            question = agency.ask(
                row="1-73",
                kind=Kind.STANDING,
                subject=search(person, nobody=kind == "unknown"),
                now=network.line.now,
            )
            network.line.post(question)
            began = perf_counter()
            network.line.run()
            times[kind].append((perf_counter() - began) * 1e6)
            agency.outcomes.clear()
    return [
        Figure(f"one question alone, about a person who is {kind}", median(taken), unit=" us")
        for kind, taken in sorted(times.items())
    ]
