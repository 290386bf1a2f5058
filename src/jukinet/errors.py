"""Errors: one small tree. A caller can act on each branch; nobody personal is in any message.

An error's text is for the person who typed and for the operator's log alike, so it names
fields, rules, record numbers and articles of the Act, and says the way out; never a name,
an address, a birth date or a code.
"""


class JukinetError(Exception):
    """Root of all errors that Jukinet raises on purpose."""


class Malformed(JukinetError, ValueError):
    """The text is not a number, name, form or message of the kind that was asked for.

    Whoever filled in the form can act: the message names the field, what it wants and,
    where that is not personal, what it got.
    """


class Refused(JukinetError):
    """The law does not allow what was asked (不受理, 提供の拒否).

    Says which rule and article, and what would be accepted; shows nothing of anybody. `rule` is
    a short name for it, such as the ledger's refusals bear.
    """

    def __init__(self, message: str, *, rule: str = "") -> None:
        super().__init__(message)
        self.rule = rule


class OutOfStep(JukinetError):
    """Two nodes, or a node and its own disk, disagree; ask again, guess nothing."""


class Damaged(OutOfStep):
    """A stored value is not what was written: its check does not fit (検査値不一致)."""
