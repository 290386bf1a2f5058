"""Trust (何を信じるか): which policy a checkpoint is opened under, and what was not looked at.

A resident believes the log's own signature, and so many of the witnesses who saw it grow. Which
witnesses these are, the policy file says; which policy file, the view key. So the file may come
from any mirror: it counts only if it is the one that the key names. Where there is none, the log's
signature alone is checked, and that is said, because a log alone can show two faces.
"""

from hashlib import sha256
from typing import NamedTuple

from jukinet.client.view_key import ViewKey
from jukinet.errors import Refused
from jukinet.merkle import policy as policies
from jukinet.merkle.note import VerifierKey
from jukinet.merkle.policy import NONE, Policy

POLICY = "policy"
"""Where a log's policy file stands, beside its checkpoint."""


class Trust(NamedTuple):
    """A policy to open checkpoints under; and why no witness was asked for, or an empty text."""

    policy: Policy
    warning: str = ""


def trust(key: ViewKey, *, given: bytes | None = None, found: bytes | None = None) -> Trust:
    """What a view key's holder believes: the policy given, else the one found if the key names it.

    Raises Malformed for a file that is no policy, Refused for one that does not know the log.
    """
    if given is None and found is not None and key.policy == sha256(found).hexdigest():
        given = found
    if given is None:
        return Trust(bare(key), _why_none(key, found))
    policy = policies.parse(given)
    if VerifierKey.parse(key.log) not in [log.key for log in policy.logs]:
        raise Refused("policy: it does not know the log of this view key; take that log's")
    return Trust(policy, "the policy asks for no witness" if policy.quorum == NONE else "")


def bare(key: ViewKey) -> Policy:
    """The policy that believes the log's signature alone."""
    return policies.m_of_n(VerifierKey.parse(key.log), (), 0)


def _why_none(key: ViewKey, found: bytes | None) -> str:
    if not key.policy:
        return "the view key names no policy"
    if found is None:
        return "the copy of the log has no policy file"
    return "the copy's policy file is not the one that the view key names"
