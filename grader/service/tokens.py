"""Who a request comes from: a random token for each student, of which the service keeps only a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from grader.instructor.term import check_id
from grader.service.store import Store, stamp

_NOBODY = bytes(32)


def issue(store: Store, student: str) -> str:
    """A new token for a student, in place of the one they had; it cannot be shown again.

    Raises:
        GraderError: the id cannot be used, or nothing can be written.
    """
    check_id(student, "The student id")
    id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with store.change():
        store.run("INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?)", student, id, _hash(secret), stamp())
        store.log("token issued", student)
    return f"{id}.{secret}"


def revoke(store: Store, student: str) -> bool:
    """Ends a student's token at once, also for a service that runs; False where there was none."""
    with store.change():
        found = store.run("DELETE FROM token WHERE student = ?", student) > 0
        if found:
            store.log("token revoked", student)
    return found


def holders(store: Store) -> dict[str, str]:
    """The students who have a token, and since when."""
    return {row["student"]: row["issued"] for row in store.rows("SELECT student, issued FROM token ORDER BY student")}


def holder(store: Store, token: str) -> str | None:
    """The student whose token this is. Takes the same time whether a secret is nearly right or not at all."""
    id, _, secret = token.partition(".")
    found = store.rows("SELECT student, hash FROM token WHERE id = ?", id)
    right = hmac.compare_digest(_hash(secret), found[0]["hash"] if found else _NOBODY)
    return str(found[0]["student"]) if found and right else None


def _hash(secret: str) -> bytes:
    """One round is enough: there is nothing to guess in 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
