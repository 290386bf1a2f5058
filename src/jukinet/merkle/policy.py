"""Policy (立会人の方針, c2sp.org/tlog-policy): known logs, and which witnesses are enough.

A checkpoint is good when a known log has signed it and when the witnesses who cosigned it meet the
quorum: one of them, or a group of which so many are wanted; groups may be members of groups. Names
stand for witnesses inside the policy only, and are octets without meaning: where they are not
UTF-8, they are kept as surrogate escapes.

One thing is ours: the specification has witnesses sign with Ed25519 (cosignature/v1), we know those
who sign with ML-DSA-44 (subtree/v1), too. A witness with a key of each kind has two lines here;
`m_of_n` puts them into one group, so that the witness counts once.

It is not a judgement of the log's entries, and says nothing of how old a checkpoint may be.

Source: C2SP tlog-policy; for the keys, C2SP signed-note and tlog-cosignature.

>>> key = "example.org/w+5a4c2514+BDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
>>> policy = parse(f"# one is enough\\nwitness w {key}\\nquorum w\\n")
>>> policy.met_by(["w"]), policy.met_by(["v"])
(True, False)
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from jukinet.errors import Malformed, Refused
from jukinet.merkle import checkpoint as checkpoints
from jukinet.merkle import note as notes
from jukinet.merkle.checkpoint import Checkpoint, parse_number
from jukinet.merkle.note import COSIGNATURE_V1, ED25519, SUBTREE_V1, VerifierKey

NONE = "none"
"""The quorum that wants nobody; no witness and no group has this name."""
EACH_MAX = 64
"""Logs, witnesses and groups of a policy; the specification asks for 32 of each."""
TEXT_SIZE_MAX = 500_000

_ALL, _ANY = "all", "any"
_FOREIGN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_WORD = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_SPACE = re.compile("[ \t]+")


@dataclass(frozen=True, slots=True)
class Log:
    """A known log; its key's name is its origin."""

    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Witness:
    """A known witness, and what the policy calls it."""

    name: str
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """So many of these are wanted; each is a witness or an earlier group."""

    name: str
    wanted: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness of the policy that has cosigned, and the POSIX second that it says."""

    name: str
    time_seconds: int


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint that a policy accepts: whose log it is, and who stands for it."""

    checkpoint: Checkpoint
    log: Log
    cosigned: tuple[Cosigned, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The policy's names of the witnesses that cosigned."""
        return tuple(one.name for one in self.cosigned)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a policy file says. Raises Malformed for what no file could say."""

    quorum: str
    logs: tuple[Log, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        """Every rule that does not depend on the order of lines."""
        for many, kind in ((self.logs, "logs"), (self.witnesses, "witnesses")):
            _refuse_keys(kind, [one.key for one in many])
        if len(self.groups) > EACH_MAX:
            raise Malformed(f"groups: at most {EACH_MAX}, got {len(self.groups)}")
        _refuse_kinds("log", self.logs, {ED25519})
        _refuse_kinds("witness", self.witnesses, {COSIGNATURE_V1, SUBTREE_V1})
        self._refuse_names()
        for group in self.groups:
            if not 1 <= group.wanted <= len(group.members):
                raise Malformed(
                    f"group {group.name!r}: wants 1 to {len(group.members)} of its members"
                )

    def __bytes__(self) -> bytes:
        """The file; it parses to this policy again."""
        return "".join(f"{line}\n" for line in self._lines()).encode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        """The file as text."""
        return bytes(self).decode("utf-8", "surrogateescape")

    def met_by(self, names: Iterable[str]) -> bool:
        """Whether these witnesses are enough; who is no witness of the policy does not count."""
        return self.quorum == NONE or self.quorum in self._standing(names)

    def open(self, note: bytes) -> Witnessed:
        """The checkpoint of a note, if a known log has signed it and the quorum is met.

        Lines of others, and lines of known keys that do not fit (of an older checkpoint, say), do
        not count. Raises Malformed for what is no note or no checkpoint, Refused for all else.
        """
        parsed = notes.parse(note)
        signers = {one.key for one in notes.fitting(parsed, [log.key for log in self.logs])}
        if not signers:
            raise Refused(
                f"policy: none of its {len(self.logs)} logs has signed this; ask one of them, "
                "or add the log's key to the policy"
            )
        found = checkpoints.parse(parsed.text)
        for log in self.logs:
            if log.key in signers and log.key.name == found.origin:
                return Witnessed(found, log, self._cosigned(parsed))
        raise Refused("policy: the checkpoint's origin is not the log that has signed it")

    def _cosigned(self, parsed: notes.Note) -> tuple[Cosigned, ...]:
        """Who has cosigned; Refused where they are not enough."""
        times = {
            one.key: one.time_seconds or 0
            for one in notes.fitting(parsed, [witness.key for witness in self.witnesses])
        }
        cosigned = tuple(
            Cosigned(witness.name, times[witness.key])
            for witness in self.witnesses
            if witness.key in times
        )
        names = [one.name for one in cosigned]
        if not self.met_by(names):
            raise Refused(
                f"policy: cosigned by {len(names)} of {len(self.witnesses)} witnesses, the quorum "
                f"{self.quorum!r} is not met: {self._lacking(names)}; ask the log for a checkpoint "
                "that more of them have cosigned"
            )
        return cosigned

    def _standing(self, names: Iterable[str]) -> set[str]:
        """The witnesses and groups that stand when these have cosigned; groups follow members."""
        standing = set(names) & {witness.name for witness in self.witnesses}
        for group in self.groups:
            if _count(group, standing) >= group.wanted:
                standing.add(group.name)
        return standing

    def _lacking(self, names: Iterable[str]) -> str:
        """Which groups below the quorum lack whom, in words."""
        standing = self._standing(names)
        lacking = [
            f"{group.name!r} has {_count(group, standing)} of {len(group.members)}, "
            f"wants {group.wanted}"
            for group in self._below(self.quorum)
            if group.name not in standing
        ]
        return ", ".join(lacking) or "the witness of that name has not"

    def _below(self, name: str) -> Iterator[Group]:
        """The group of a name, and the groups in it."""
        for group in self.groups:
            if group.name == name:
                yield group
                for member in group.members:
                    yield from self._below(member)

    def _refuse_names(self) -> None:
        """Every name once, defined before it is used, and member of one group at most."""
        defined: set[str] = set()
        members: set[str] = set()
        for witness in self.witnesses:
            _define(witness.name, defined)
        for group in self.groups:
            for member in group.members:
                _refuse_undefined(member, defined)
                if member in members:
                    raise Malformed(f"group {group.name!r}: {member!r} is a member already")
                members.add(member)
            _define(group.name, defined)
        if self.quorum != NONE:
            _refuse_undefined(self.quorum, defined)
        for url in [log.url for log in self.logs] + [one.url for one in self.witnesses]:
            if url:
                _refuse_word("url", url)

    def _lines(self) -> Iterator[str]:
        for log in self.logs:
            yield f"log {log.key} {log.url}".rstrip(" ")
        for witness in self.witnesses:
            yield f"witness {witness.name} {witness.key} {witness.url}".rstrip(" ")
        for group in self.groups:
            yield f"group {group.name} {group.wanted} {' '.join(group.members)}"
        yield f"quorum {self.quorum}"


def m_of_n(
    log: VerifierKey,
    witnesses: Iterable[Witness],
    m: int,
    *,
    log_url: str = "",
    name: str = "quorum",
) -> Policy:
    """The policy that wants `m` of these witnesses for one log; for 0, nobody.

    Keys of one key name are one witness's: it counts once, whichever of them has signed.
    """
    listed = sorted(witnesses, key=lambda witness: witness.key.name)
    groups, members = [], []
    for _, found in groupby(listed, key=lambda witness: witness.key.name):
        names = tuple(witness.name for witness in found)
        members.append("-or-".join(names))
        if len(names) > 1:
            groups.append(Group(members[-1], 1, names))
    if m:
        groups.append(Group(name, m, tuple(members)))
    return Policy(name if m else NONE, (Log(log, log_url),), tuple(listed), tuple(groups))


def parse(text: bytes | str) -> Policy:
    """The policy of a file. Raises Malformed with the number of the line that is not one."""
    draft = _Draft()
    for number, line in enumerate(_lines_of(text), start=1):
        words = [word for word in _SPACE.split(line) if word]
        if words and not words[0].startswith("#"):
            try:
                draft.add(*words)
            except Malformed as error:
                raise Malformed(f"policy, line {number}: {error}") from None
    return draft.policy()


class _Draft:
    """The lines that have been read so far."""

    def __init__(self) -> None:
        self._quorum: str | None = None
        self._logs: list[Log] = []
        self._witnesses: list[Witness] = []
        self._groups: list[Group] = []
        self._defined: set[str] = set()

    def add(self, keyword: str, *words: str) -> None:
        """Read one line; what it names must have been defined before it."""
        match keyword, words:
            case "log", (vkey, *url) if len(url) <= 1:
                self._logs.append(Log(_key(vkey), *url))
            case "witness", (name, vkey, *url) if len(url) <= 1:
                self._witnesses.append(Witness(name, _key(vkey), *url))
                _define(name, self._defined)
            case "group", (name, wanted, *members) if members:
                for member in members:
                    _refuse_undefined(member, self._defined)
                self._groups.append(Group(name, _wanted(wanted, members), tuple(members)))
                _define(name, self._defined)
            case "quorum", (name,) if self._quorum is None:
                if name != NONE:
                    _refuse_undefined(name, self._defined)
                self._quorum = name
            case "quorum", (_,):
                raise Malformed("a second quorum")
            case _:
                raise Malformed(
                    "wants log <vkey> [<url>], witness <name> <vkey> [<url>], "
                    "group <name> <all, any or a number> <name>..., or quorum <name>"
                )

    def policy(self) -> Policy:
        """What the lines amount to."""
        if self._quorum is None:
            raise Malformed("policy: no quorum line; write 'quorum none' if nobody need cosign")
        try:
            return Policy(
                self._quorum, tuple(self._logs), tuple(self._witnesses), tuple(self._groups)
            )
        except Malformed as error:
            raise Malformed(f"policy: {error}") from None


def _lines_of(text: bytes | str) -> list[str]:
    try:
        octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Malformed("policy: has half a surrogate pair in it") from None
    if len(octets) > TEXT_SIZE_MAX:
        raise Malformed(f"policy: at most {TEXT_SIZE_MAX} bytes, got {len(octets)}")
    if _FOREIGN.search(octets):
        raise Malformed("policy: has a control character other than tab and newline")
    if not octets.endswith(b"\n"):  # a name that was cut off may be another's name
        raise Malformed("policy: the last line does not end in a newline")
    return octets[:-1].decode("utf-8", "surrogateescape").split("\n")


def _key(vkey: str) -> VerifierKey:
    try:
        vkey.encode()
    except UnicodeEncodeError:
        raise Malformed("verifier key: is not UTF-8") from None
    return VerifierKey.parse(vkey)


def _wanted(threshold: str, members: Collection[str]) -> int:
    """How many of the members; Malformed for another spelling than `all`, `any` or a number."""
    if threshold in (_ALL, _ANY):
        return len(members) if threshold == _ALL else 1
    return parse_number("group", threshold)


def _count(group: Group, standing: set[str]) -> int:
    return sum(member in standing for member in group.members)


def _define(name: str, defined: set[str]) -> None:
    _refuse_word("name", name)
    if name == NONE or name in defined:
        raise Malformed(f"name: {name!r} has a meaning already; wants another")
    defined.add(name)


def _refuse_undefined(name: str, defined: set[str]) -> None:
    if name not in defined:
        raise Malformed(f"name: {name!r} is no witness and no group of the lines before")


def _refuse_word(kind: str, word: str) -> None:
    try:
        whole = _WORD.fullmatch(word.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        whole = None
    if not whole:
        raise Malformed(f"{kind}: wants one word without spaces and control characters")


def _refuse_keys(kind: str, keys: Collection[VerifierKey]) -> None:
    """Not too many, and none twice: under whatever name, a key is the same key."""
    if len(keys) > EACH_MAX:
        raise Malformed(f"{kind}: at most {EACH_MAX}, got {len(keys)}")
    seen: set[bytes] = set()
    for key in keys:
        _refuse_word("key name", key.name)
        if key.public in seen:
            raise Malformed(f"{kind}: the public key of {key.name!r} stands there twice")
        seen.add(key.public)


def _refuse_kinds(kind: str, found: Iterable[Log | Witness], wanted: set[int]) -> None:
    for one in found:
        if one.key.kind not in wanted:
            kinds = " or ".join(f"0x{number:02x}" for number in sorted(wanted))
            raise Malformed(f"{kind}: the key of {one.key.name!r} wants to be of kind {kinds}")
