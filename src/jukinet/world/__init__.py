"""A false world (架空の町): synthetic residents of real towns, made from public statistics.

Nobody in it exists. Towns, postal areas, surname counts, age structure and rates are public
(docs/data.md names each source); every person, household, block number and event is drawn from
a seed. The same seed, packages and calls give the same world, on every machine.

>>> from datetime import date
>>> from jukinet.world.build import build
>>> from jukinet.world.towns import choose
>>> households = list(build(1, choose(), 200, date(2025, 1, 1)))
>>> sum(len(household.members) for household in households)
200
"""
