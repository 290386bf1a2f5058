"""Passkeys (パスキー): signing in with what one's own device signs, and nothing to remember.

The browser asks the device, the device asks its owner (a finger, a number), and signs a challenge
that we drew for this browser, once, for five minutes. We hold the public key alone. Who has signed
in may add one and take one away.

Source: W3C Web Authentication Level 3; verified by the package webauthn.
"""

import json
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from jukinet.errors import Malformed, Refused
from jukinet.names.display import display_name
from jukinet.nodes.passes import Passes
from jukinet.register import book
from jukinet.register.passkeys import PasskeyRow
from jukinet.web.routes import Routes
from jukinet.web.sessions import Role, Who
from jukinet.web.visit import Moved, Page, Reply, SignedIn, Visit

routes = Routes()

SIGNED_IN: Final = (Role.CLERK, Role.RESIDENT)
HOME: Final = {Role.CLERK: "/desk", Role.RESIDENT: "/portal"}
NAME: Final = "Jukinet"
CREDENTIAL_MAX: Final = 8192
UNSURE: Final = "passkey: the device's answer does not fit; load the page again and try once more"
NOBODYS: Final = "passkey: nobody has registered it here; sign in another way and add it first"


@routes.get("/passkeys", *SIGNED_IN)
def mine(visit: Visit) -> Reply:
    """My passkeys, and a form to add one."""
    return _page(visit)


@routes.post("/passkeys", *SIGNED_IN)
def added(visit: Visit) -> Reply:
    """A device has made a passkey for me."""
    who = visit.signed_in.who
    try:
        made = webauthn.verify_registration_response(
            credential=_answer(visit),
            expected_challenge=_challenge(visit),
            expected_rp_id=_site(visit),
            expected_origin=visit.origin,
            require_user_verification=True,
        )
        _passes(visit, who.town).add(
            role=who.role.value,
            holder=holder_of(who),
            credential=made.credential_id,
            public_key=made.credential_public_key,
            counter=made.sign_count,
            now=visit.now,
        )
    except WebAuthnException:
        return _page(visit, UNSURE)
    except (Malformed, Refused) as error:
        return _page(visit, str(error))
    return Moved("/passkeys")


@routes.post("/passkeys/remove", *SIGNED_IN)
def removed(visit: Visit) -> Reply:
    """One of mine is to open nothing any more."""
    who = visit.signed_in.who
    try:
        credential = bytes.fromhex(visit.sent("credential"))
    except ValueError:
        raise Malformed("passkey: it is none of yours; choose one of the list") from None
    _passes(visit, who.town).remove(who.role.value, holder_of(who), credential)
    return Moved("/passkeys")


@routes.post("/sign-in/passkey", Role.ANYBODY)
def used(visit: Visit) -> Reply:
    """Somebody signs in with a passkey."""
    try:
        who = _signed(visit)
    except WebAuthnException:
        return _not_in(visit, UNSURE)
    except (Malformed, Refused) as error:
        return _not_in(visit, str(error))
    return SignedIn(visit.begin(who), HOME[who.role])


def options_to_use(visit: Visit) -> str:
    """What the browser needs to ask for a passkey of this site, whosever it is."""
    return options_to_json(
        webauthn.generate_authentication_options(
            rp_id=_site(visit),
            challenge=visit.sessions.challenge(visit.form_token(), visit.now),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def holder_of(who: Who) -> str:
    """Whose passkey it is, within the town and role."""
    return str(who.person) if who.role is Role.RESIDENT else who.id


def _signed(visit: Visit) -> Who:
    """Who holds the passkey that signed; Refused where nobody does."""
    answer = _answer(visit)
    town, row = _found(visit, answer)
    verified = webauthn.verify_authentication_response(
        credential=answer,
        expected_challenge=_challenge(visit),
        expected_rp_id=_site(visit),
        expected_origin=visit.origin,
        credential_public_key=row.public_key,
        credential_current_sign_count=row.counter,
        require_user_verification=True,
    )
    who = _who(visit, town, row)
    _passes(visit, town).used(row, counter=verified.new_sign_count, now=visit.now)
    return who


def _found(visit: Visit, answer: dict[str, Any]) -> tuple[str, PasskeyRow]:
    try:
        credential = base64url_to_bytes(str(answer.get("id", "")))
    except ValueError:
        raise Malformed(UNSURE) from None
    for town in visit.house.towns:
        row = _passes(visit, town).find(credential)
        if row is not None:
            return town, row
    raise Refused(NOBODYS)


def _who(visit: Visit, town: str, row: PasskeyRow) -> Who:
    """The holder as a session has one; a resident who has left is none any more."""
    if row.role == Role.CLERK:
        return Who(role=Role.CLERK, id=row.holder, name="", town=town)
    person = int(row.holder)
    with visit.house.towns[town].store.begin() as tx:
        kept = book.records(tx, [person]).get(person)
    if kept is None or not kept.record.live:
        raise Refused(NOBODYS)
    name = display_name(kept.record.name.legal)
    return Who(role=Role.RESIDENT, id=f"{town}-{person}", name=name, town=town, person=person)


def _page(visit: Visit, refused: str = "") -> Page:
    who = visit.signed_in.who
    rows = _passes(visit, who.town).all_of(who.role.value, holder_of(who))
    return Page(
        "passkeys.html",
        {
            "refused": refused,
            "options": _options_to_make(visit, who, rows),
            "passkeys": [
                (
                    row.credential.hex(),
                    datetime.fromisoformat(row.added_at),
                    datetime.fromisoformat(row.used_at) if row.used_at else None,
                )
                for row in rows
            ],
        },
        status=422 if refused else 200,
    )


def _options_to_make(visit: Visit, who: Who, rows: list[PasskeyRow]) -> str:
    """What the browser needs to make a passkey; those that are there are not made twice."""
    return options_to_json(
        webauthn.generate_registration_options(
            rp_id=_site(visit),
            rp_name=NAME,
            user_name=who.name or who.id,
            user_id=f"{who.town}/{who.role}/{holder_of(who)}".encode(),
            challenge=visit.sessions.challenge(visit.form_token(), visit.now),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(row.credential) for row in rows],
        )
    )


def _not_in(visit: Visit, refused: str) -> Page:
    """The sign-in page once more, without the list of sample persons."""
    shows = {"towns": [], "people": [], "options": options_to_use(visit), "amiss": refused}
    return Page("sign_in.html", shows, status=422)


def _answer(visit: Visit) -> dict[str, Any]:
    """What the device has answered, as JSON; Malformed where it is none."""
    text = visit.sent("credential")
    try:
        found = json.loads(text) if 0 < len(text) <= CREDENTIAL_MAX else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Malformed(UNSURE)
    return found


def _challenge(visit: Visit) -> bytes:
    found = visit.sessions.take_challenge(visit.form_token(), visit.now)
    if found is None:
        raise Refused(UNSURE)
    return found


def _site(visit: Visit) -> str:
    """The name to which passkeys are bound: this site's, without the port."""
    return urlsplit(visit.origin).hostname or ""


def _passes(visit: Visit, town: str) -> Passes:
    return Passes(visit.house.towns[town].store)
