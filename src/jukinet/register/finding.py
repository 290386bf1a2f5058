"""Finding (住民の検索): the records that a desk's question may mean.

By name in any of its shapes, by reading as it sounds, by birth date, by code, by record number;
what is given must all fit. A name or reading may be given by its beginning alone. Deleted records
are found, too: a returning resident has one. What is found are candidates; papers decide.
"""

from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, bindparam, select

from jukinet.errors import Malformed
from jukinet.names.era import PartialDate
from jukinet.names.match import kana_key, name_key
from jukinet.numbers.resident_code import ResidentCode
from jukinet.register import codes
from jukinet.register.book import RECORDS
from jukinet.store.engine import Statement, Transaction

FOUND_MAX: Final = 50
_LAST: Final = "\U0010ffff"  # no key begins with it

_T = RECORDS.table.c


class Question(NamedTuple):
    """What a clerk knows of the person that is looked for; an empty part is not known."""

    name: str = ""
    kana: str = ""
    birth: PartialDate | None = None
    code: ResidentCode | None = None
    number: int = 0

    def __repr__(self) -> str:
        return "<Question>"


def _statement(*where: ColumnElement[bool]) -> Statement:
    core = select(_T.person).where(*where).order_by(_T.live.desc(), _T.kana_key, _T.person)
    return Statement(core.limit(FOUND_MAX + 1))


_NAME = _T.name_key >= bindparam("name"), _T.name_key < bindparam("name_end")
_KANA = _T.kana_key >= bindparam("kana"), _T.kana_key < bindparam("kana_end")
_BIRTH = (_T.birth_date == bindparam("birth"),)
_BY: Final = {
    (named, read, born): _statement(
        *(_NAME if named else ()), *(_KANA if read else ()), *(_BIRTH if born else ())
    )
    for named in (False, True)
    for read in (False, True)
    for born in (False, True)
    if named or read or born
}


def find(tx: Transaction, question: Question) -> list[int]:
    """The record numbers of those who may be meant, live ones first; at most one more than shown.

    Raises Malformed where nothing is known of the person.
    """
    if question.number:
        return [question.number]
    if question.code is not None:
        bearer = codes.bearer(tx, question.code)
        return [bearer] if bearer is not None else []
    name = name_key(question.name).value if question.name else ""
    kana = kana_key(question.kana).value if question.kana else ""
    if not (name or kana or question.birth):
        raise Malformed("search: say a name, its reading, a birth date, a code or a record number")
    values: dict[str, str] = {}
    if name:
        values |= {"name": name, "name_end": name + _LAST}
    if kana:
        values |= {"kana": kana, "kana_end": kana + _LAST}
    if question.birth:
        values["birth"] = question.birth.iso
    statement = _BY[bool(name), bool(kana), bool(question.birth)]
    return [int(row[0]) for row in tx.all(statement, **values)]
