"""Search tags (検索標識): keyed hashes over name key, birth date and place together.

A person has four tags, always four: name, reading, and (for an alias or a former surname) a second
name and reading, or fillers that look the same. The town computes them under a key of its own; the
index hashes them once more under a key that rests nowhere on its disk. Whoever knows name, birth
date *and* place can find the person; nobody can list people by name, and neither the town's key
nor the index's disk alone can be searched for anybody.
"""

from functools import lru_cache

from jukinet.keys.seal import hkdf, mac
from jukinet.law.identity import Identification, Name
from jukinet.law.inquiry import BySearch
from jukinet.names.match import kana_key, name_key

TAG_BYTES = 16
TAGS = 4

Tags = tuple[bytes, bytes, bytes, bytes]


@lru_cache(maxsize=2048)
def town_key(prefecture_key: bytes, town: str) -> bytes:
    """The tag key of one town, from its prefecture's."""
    return hkdf(prefecture_key, b"jukinet town tags v1", town.encode())


def tags_of(key: bytes, person: Identification, locator: bytes) -> Tags:
    """The four tags under which a person is found; `key` is the town's."""
    name, born = person.name, person.birth_date.iso
    second, second_reading = second_name(name)
    reading = name.reading.text if name.reading else ""
    return (
        _tag(key, 0, name_key(name.legal.text).value, born, locator),
        _tag(key, 1, kana_key(reading).value if reading else "", born, locator),
        _tag(key, 0, name_key(second).value if second else "", born, locator, filler=2),
        _tag(key, 1, kana_key(second_reading).value if second_reading else "", born, locator, 3),
    )


def tags_sought(key: bytes, search: BySearch) -> tuple[bytes, bytes]:
    """The two tags that a search looks for: by name and by reading, or a filler."""
    name = name_key(search.name.text).value if search.name else ""
    reading = kana_key(search.reading.text).value if search.reading else ""
    born = search.birth_date.iso
    return _tag(key, 0, name, born, b"sought"), _tag(key, 1, reading, born, b"sought")


def stored(index_key: bytes, tag: bytes) -> bytes:
    """The form in which the index keeps a tag."""
    return mac(index_key, b"jukinet stored tag v1", tag)[:TAG_BYTES]


def code_tag(key: bytes, digits: str) -> bytes:
    """The tag of a resident record code: tells the same code again, not which."""
    return mac(key, b"jukinet code tag v1", digits.encode())[:TAG_BYTES]


def second_name(name: Name) -> tuple[str, str]:
    """The name that the law lets stand beside the legal one, and its reading; "" for none.

    An alias (通称), or the given name after the former surname (旧氏).
    """
    if name.alias is not None:
        return name.alias.text, name.alias_reading.text if name.alias_reading else ""
    if name.former_surname is not None:
        _, _, given = name.legal.text.replace("\u3000", " ").partition(" ")
        return f"{name.former_surname.text} {given}", ""
    return "", ""


def _tag(key: bytes, kind: int, text: str, born: str, locator: bytes, filler: int = 0) -> bytes:
    if not text:
        return mac(key, b"filler", bytes([kind, filler]), locator)[:TAG_BYTES]
    return mac(key, b"tag", bytes([kind]), text.encode(), born.encode())[:TAG_BYTES]
