"""Statement for machines (開示の証明): everything that it says, with the proofs, as plain values.

A `text` is a leaf as the log has it, a `proof` a tlog-proof text: anybody's tools verify the one
by the other and the log's key. A `path` leads from a record (hexadecimal) to the root that stands
in the leaf of its run or bundle.
"""

from datetime import date
from typing import Any

from jukinet.client.comparing import Compared
from jukinet.client.entries import Entry, Key, Renewal, Sealed
from jukinet.client.statement import Statement
from jukinet.law.leaf import encode
from jukinet.merkle.runs import Found
from jukinet.tasks.papers.wording import completeness


def with_proofs(
    found: Statement, today: date, *, warning: str = "", compared: Compared | None = None
) -> dict[str, Any]:
    """All of a statement; `warning` says why no witness was checked, if none was."""
    return {
        "log_size": found.size,
        "log_root": found.root.hex(),
        "complete": found.complete,
        "sentence": completeness(found).en,
        "missing": found.missing,
        "remarks": found.remarks,
        "checkpoint": found.checkpoint.decode(),
        "cosigned": [{"name": one.name, "time": one.time_seconds} for one in found.cosigned],
        "no_witness_because": warning,
        "compared": compared and _comparison(compared),
        "runs": [
            {
                "name": one.leaf.name,
                "leaf": one.number,
                "text": encode(one.leaf).decode(),
                "first": one.leaf.first,
                "end": one.leaf.end,
                "count": one.leaf.count,
                "root": one.leaf.root,
                "proof": one.receipt.decode(),
                "before": _found(one.absent.before),
                "after": _found(one.absent.after),
            }
            for one in found.runs
        ],
        "read": found.read,
        "kept_back": None if found.kept_back is None else len(found.kept_back),
        "overdue": found.overdue(today),
        "entries": [entry_with_proof(entry) for entry in found.entries],
        "view_keys": [_given(key) for key in found.keys],
        "fresh_numbers": [_renewed(one) for one in found.renewals],
    }


def entry_with_proof(entry: Entry) -> dict[str, Any]:
    """One disclosure; without the sealed part, as far as its leaf says it."""
    leaf, body = entry.leaf, entry.body
    return {
        "place": entry.place,
        "leaf": entry.leaf_index,
        "text": encode(leaf).decode(),
        "time": leaf.time,
        "agency": body.agency if body else leaf.agency,
        "official": body.official if body else None,
        "row": body.row if body else leaf.row,
        "affair": body.affair if body else None,
        "kind": leaf.kind,
        "items": leaf.items,
        "altered": entry.altered,
        "proof": entry.proof.decode(),
        "in_bundle": _found(entry.record),
        "kept_back_until": entry.deferred and entry.deferred.open_on,
        "objection": entry.objection and _said(entry.objection),
        "answer": entry.answer and {**_said(entry.answer), "outcome": entry.answer.leaf.outcome},
    }


def _said(one: Sealed[Any, Any]) -> dict[str, Any]:
    return {
        "leaf": one.leaf_index,
        "text": encode(one.leaf).decode(),
        "time": one.leaf.time,
        "words": one.body.text if one.body else None,
        "altered": one.altered,
        "proof": one.proof.decode(),
    }


def _given(key: Key) -> dict[str, Any]:
    body = key.body
    return {
        "leaf": key.leaf_index,
        "text": encode(key.leaf).decode(),
        "time": key.leaf.time,
        "issuer": key.leaf.issuer,
        "town": body and body.town,
        "official": body and body.official,
        "holder": body and body.holder,
        "valid_to": body and body.valid_to,
        "altered": key.altered,
        "proof": key.proof.decode(),
    }


def _renewed(one: Renewal) -> dict[str, Any]:
    body = one.body
    return {
        "leaf": one.leaf_index,
        "text": encode(one.leaf).decode(),
        "time": one.leaf.time,
        "issuer": one.leaf.issuer,
        "town": body and body.town,
        "official": body and body.official,
        "sector": body and body.sector,
        "merged": body and body.merged,
        "altered": one.altered,
        "proof": one.proof.decode(),
    }


def _found(one: Found | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"record": one.record.hex(), "place": one.place, "path": [h.hex() for h in one.proof]}


def _comparison(compared: Compared) -> dict[str, Any]:
    return {
        "size": compared.theirs.size,
        "root": compared.theirs.root.hex(),
        "consistency": [one.hex() for one in compared.proof],
    }
