"""Forms (書式): what was typed, read field by field, with what is amiss said beside the field.

Reading never stops at the first mistake: each field is tried, and each that cannot be read has its
sentence. What the register then refuses belongs to the form as a whole, or to the field that the
sentence names.

>>> form = Form({"day": ["tomorrow"]})
>>> from jukinet.names import era
>>> form.read("day", lambda text: era.parse(text, field="event date")) is None, list(form.amiss)
(True, ['day'])
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from jukinet.errors import Malformed
from jukinet.web.marks import mark

T = TypeVar("T")

NEEDED: Final = mark("fill this in")
NOT_LISTED: Final = mark("choose one of those that are listed")
TEXT_MAX: Final = 300
FIELD_NAMES: Final = (
    *(mark("event date"), mark("birth date"), mark("name"), mark("reading"), mark("period")),
    *(mark("resident code"), mark("municipality code"), mark("day"), mark("town")),
    *(mark("block"), mark("building"), mark("date")),
    *(mark("text"), mark("why")),
)
"""What the floors below call the fields of a form, for the catalogues."""


class Form:
    """One form as it was sent, or as it is to be shown. Its repr shows nothing of it."""

    def __init__(self, sent: Mapping[str, Sequence[str]] | None = None, **given: str) -> None:
        self._values = {name: list(values) for name, values in (sent or {}).items()}
        for name, value in given.items():
            self._values.setdefault(name, [value])
        self.amiss: dict[str, str] = {}
        self.refused: str = ""

    def __repr__(self) -> str:
        return "<Form>"

    def __getitem__(self, name: str) -> str:
        """What stands in a field, or nothing."""
        values = self._values.get(name, ())
        return values[-1].strip()[:TEXT_MAX] if values else ""

    def __contains__(self, name: str) -> bool:
        return bool(self[name])

    def all(self, name: str) -> list[str]:
        """Everything that was ticked under a name."""
        return list(self._values.get(name, ()))

    def has(self, name: str, value: str) -> bool:
        """Whether something was ticked."""
        return value in self._values.get(name, ())

    def put(self, name: str, *values: str) -> None:
        """Fill a field in."""
        self._values[name] = list(values)

    def pairs(self, *but: str) -> list[tuple[str, str]]:
        """All fields, for the next page to carry along."""
        return [
            (name, value)
            for name, values in self._values.items()
            if name not in but
            for value in values
        ]

    @property
    def sound(self) -> bool:
        """Whether nothing is amiss."""
        return not self.amiss and not self.refused

    def read(self, name: str, parse: Callable[[str], T], *, need: bool = True) -> T | None:
        """A field's value; None, and a sentence beside the field, where it cannot be read."""
        text = self[name]
        if not text:
            if need:
                self.amiss[name] = NEEDED
            return None
        try:
            return parse(text)
        except Malformed as error:
            self.amiss[name] = str(error)
        except ValueError:  # an enumeration that has no such member
            self.amiss[name] = NOT_LISTED
        return None

    def blame(self, sentence: str, fields: Mapping[str, str]) -> None:
        """A refusal, put beside the field that its first words name, or over the whole form."""
        field = fields.get(sentence.partition(":")[0])
        if field is not None and field not in self.amiss:
            self.amiss[field] = sentence
        else:
            self.refused = sentence
