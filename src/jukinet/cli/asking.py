"""`jukinet ask`: one question, as an agency asks it."""

from datetime import date
from typing import Annotated, Any

from cyclopts import Parameter

from jukinet.cli.common import (
    DEFAULT_FOLDER,
    DIFFERS,
    DONE,
    AsJson,
    InFolder,
    give,
    now,
    paper,
    parse_day,
)
from jukinet.cli.opening import opened
from jukinet.errors import Malformed, OutOfStep
from jukinet.law.identity import Item, Sex
from jukinet.law.inquiry import ByHandle, BySearch, Claim, Content
from jukinet.law.schedule import Kind
from jukinet.names import era, legal
from jukinet.nodes.agency import Agency, Outcome
from jukinet.numbers import municipality_code
from jukinet.numbers.municipality_code import MunicipalityCode
from jukinet.tasks.network import open_network

EXAMPLES = """Examples:
  jukinet ask --agency pension --row 1-73 --kind standing \\
      --name "山田　花子" --birth 昭和55年5月5日 --place 千代田区
  jukinet ask --agency pension --row 1-73 --kind items --items address --handle 8f3a...
  jukinet ask --agency passport --row 1-32 --kind confirm \\
      --name "山田　花子" --birth 1980-05-05 --place 131016 --claim name,birth_date"""


def ask(
    *,
    agency: Annotated[str, Parameter(help="Who asks, such as pension or tax.")],
    row: Annotated[str, Parameter(help="Table and row of the schedule, such as 1-73.")],
    kind: Annotated[Kind, Parameter(help="The kind of question.")],
    name: Annotated[str, Parameter(help="The name, as the agency has it.")] = "",
    kana: Annotated[str, Parameter(help="The reading of the name.")] = "",
    birth: Annotated[str, Parameter(help="The birth date, ISO or era.")] = "",
    place: Annotated[str, Parameter(help="The municipality: its code or its name.")] = "",
    sex: Annotated[Sex | None, Parameter(help="Only to tell two people apart.")] = None,
    handle: Annotated[str, Parameter(help="The handle of an earlier answer, in hex.")] = "",
    items: Annotated[str, Parameter(help="Items that are needed, with commas between.")] = "",
    claim: Annotated[str, Parameter(help="Of --kind confirm: which items to compare.")] = "",
    since: Annotated[str, Parameter(help="Of --kind changes: since which day.")] = "",
    number: Annotated[
        bool, Parameter(help="Whether a sector number is wanted, with a handle to ask again.")
    ] = False,
    official: Annotated[str, Parameter(help="The official's own number.")] = "official-1",
    dir: InFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> int:
    """Ask one question as an agency, under a row of the schedules.

    The answer is shown only when its receipt verifies: the leaf is in the public log, and says
    what was asked. Exit 1 for a refusal.
    """
    subject = _subject(name, kana, birth, place, sex, handle)
    folder = opened(dir)
    with open_network(folder, now(), only_towns=()) as network:
        if agency not in network.agencies:
            known = ", ".join(network.agencies)
            raise Malformed(f"--agency: this folder has {known}")
        asker = network.agencies[agency]
        claimed = _claim(claim, subject)
        network.line.post(
            asker.ask(
                row=row,
                kind=kind,
                subject=subject,
                now=network.line.now,
                items=claimed.items if claimed else _items(items),
                claim=claimed,
                since=parse_day(since, "--since") if since else None,
                official=official,
                numbered=number,
            )
        )
        network.line.run()
        outcome = _outcome(asker)
        asker.keep()
    give(_result(outcome), as_json=as_json, show=lambda: _show(outcome))
    return DIFFERS if outcome.content is None else DONE


def _outcome(asker: Agency) -> Outcome:
    for reason in asker.distrusted:
        raise OutOfStep(f"the answer is not shown, its receipt does not verify: {reason}")
    if not asker.outcomes:
        raise OutOfStep("no answer came; ask again")
    return asker.outcomes[-1]


def _subject(
    name: str, kana: str, birth: str, place: str, sex: Sex | None, handle: str
) -> BySearch | ByHandle:
    if handle:
        try:
            return ByHandle(handle=bytes.fromhex(handle))
        except ValueError:
            raise Malformed("--handle: want the hexadecimal digits of a handle") from None
    if not birth or not place or not (name or kana):
        raise Malformed(
            "--name (or --kana), --birth and --place: all three name a person, or --handle does"
        )
    return BySearch(
        place=_place(place),
        birth_date=era.parse(birth, field="--birth"),
        name=legal.parse(name, field="--name") if name else None,
        reading=legal.parse_reading(kana, field="--kana") if kana else None,
        sex=sex,
    )


def _place(text: str) -> MunicipalityCode:
    found = municipality_code.find(text)
    if not found:
        return municipality_code.parse(text)
    today = [one for one in found if one.valid_to is None]
    if len(today) > 1:
        named = ", ".join(f"{one.full_name} {one.code.digits}" for one in today)
        raise Malformed(f"--place: more than one has that name: {named}; give the code")
    return (today or list(found))[0].code


def _claim(names: str, subject: BySearch | ByHandle) -> Claim | None:
    if not names:
        return None
    if not isinstance(subject, BySearch):
        raise Malformed("--claim: says what is believed; give --name and --birth for it")
    wanted = _items(names)
    return Claim(
        name=subject.name if Item.NAME in wanted else None,
        birth_date=subject.birth_date if Item.BIRTH_DATE in wanted else None,
        sex=subject.sex if Item.SEX in wanted else None,
    )


def _items(names: str) -> frozenset[Item]:
    try:
        return frozenset(Item(name.strip()) for name in names.split(",") if name.strip())
    except ValueError:
        known = ", ".join(Item)
        raise Malformed(f"--items: there are {known}, and no others to ask for") from None


def _result(outcome: Outcome) -> dict[str, Any]:
    content = outcome.content
    if content is None:
        return {
            "answered": False,
            "rule": outcome.rule,
            "reason": outcome.refused,
            "leaf": outcome.leaf,
        }
    return {
        "answered": True,
        "kind": content.kind.value,
        "verdict": content.verdict,
        "standing": content.standing.value,
        "items": {item.value: texts for item, texts in content.items.items()},
        "changes": [_change(content, place) for place in range(len(content.changes))],
        "known_at": content.known_at,
        "sector_number": outcome.number,
        "handle": content.handle.hex(),
        "leaf": outcome.leaf,
        "receipt_verified": True,
    }


def _change(content: Content, place: int) -> dict[str, Any]:
    change = content.changes[place]
    day: date = change.event_date
    return {
        "event_date": day.isoformat(),
        "standing": change.standing.value,
        "items": {item.value: texts for item, texts in change.items.items()},
    }


def _show(outcome: Outcome) -> None:
    for name, value in _result(outcome).items():
        if value not in ("", None, {}, []):
            paper.print(f"{name:>17}  {value}", markup=False)
    content = outcome.content
    if content is not None and content.standing == "unknown" and content.verdict is None:
        paper.print(
            "Not found is as old as `known_at` says, and proves no lack of entitlement: "
            "ask the town itself.",
            style="yellow",
        )
