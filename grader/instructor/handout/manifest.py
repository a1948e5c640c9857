"""What was released, signed: the keys of a class, the manifest in every hand-out, and the seeds that it commits to.

The manifest is canonical JSON with the SHA-256 of every file. Its Ed25519 signature is over that text without the
signature itself. `class.key` never leaves the class folder; the public key stands beside it and in every manifest.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.errors import GraderError
from grader.files import atomic_write, explained, present, read_bytes
from grader.instructor.term import Assignment, Term

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

VERSION = 1
KEY = "class.key"
Manifest = dict[str, Any]


def student_seed(assignment: Assignment, student: str) -> int:
    """The seed of one student's variant of an assignment: the same in the hand-out and in every grading."""
    digest = hmac.digest(str(assignment.seed).encode(), f"{assignment.name}\n{student}".encode(), "sha256")
    return int.from_bytes(digest[:4], "big") >> 1  # as small as `new_seed` draws them: databases keep 32 bits


def canonical(manifest: Mapping[str, Any]) -> bytes:
    """The one spelling of a manifest, which is what is signed."""
    return json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


class Signer:
    """The private key of a class, made at first need.

    Raises:
        GraderError: the key cannot be read or written, or the package that signs is missing.
    """

    def __init__(self, term: Term) -> None:
        path = term.root / KEY
        if not present(path):
            _make(path)
        self._key = _load(path)
        self.public = _public(self._key)

    def sign(self, manifest: Manifest) -> Manifest:
        """The manifest with the public key and its signature."""
        signed = {**manifest, "public_key": self.public}
        signature = self._key.sign(canonical(signed))
        return {**signed, "signature": base64.b64encode(signature).decode()}

    def secret(self, assignment: Assignment, student: str) -> bytes:
        """What only the class knows about one student's hand-out: a seed has too few digits to hide behind a hash."""
        about = f"{assignment.name}\n{assignment.seed}\n{student}".encode()
        return hmac.digest(self._key.private_bytes_raw(), b"variant\n" + about, "sha256")

    def commitment(self, assignment: Assignment, student: str) -> str:
        """A hash that settles the seed beforehand; whoever is given `secret` and seed can check it."""
        seed = student_seed(assignment, student) if student else assignment.seed
        return hashlib.sha256(self.secret(assignment, student) + str(seed).encode()).hexdigest()


def verify(manifest: Manifest, public_key: str | None = None) -> None:
    """Checks that a manifest is as it was signed, by `public_key` (OpenSSH) if that is given.

    Raises:
        GraderError: it is unsigned, changed since, or signed by another key.
    """
    _need_cryptography()
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    unsigned = {key: value for key, value in manifest.items() if key != "signature"}
    key, signature = manifest.get("public_key"), manifest.get("signature")
    if not isinstance(key, str) or not isinstance(signature, str):
        raise GraderError("This manifest is not signed.", "Hand-outs made in a class folder are.")
    if public_key is not None and key.split()[:2] != public_key.split()[:2]:
        raise GraderError(
            "This manifest is signed by another key than the class's.", "It is no hand-out of this class."
        )
    try:
        loaded = load_ssh_public_key(key.encode())
        if not isinstance(loaded, Ed25519PublicKey):
            raise ValueError("a key of another kind")
        loaded.verify(base64.b64decode(signature), canonical(unsigned))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise GraderError("This manifest is not as it was signed: it was changed since.") from error


def class_key(term: Term) -> str | None:
    """The public key of a class, in OpenSSH's spelling; None where nothing was released yet."""
    path = term.root / f"{KEY}.pub"
    return read_bytes(path).decode("ascii", "replace").strip() if present(path) else None


def _make(path: Path) -> None:
    _need_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    with explained(path, "written"):
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    atomic_write(path.with_name(f"{KEY}.pub"), f"{_public(key)}\n")


def _load(path: Path) -> Ed25519PrivateKey:
    _need_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        key = load_ssh_private_key(read_bytes(path), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        key = None
        problem = str(error)
    else:
        problem = "it is of another kind"
    if not isinstance(key, Ed25519PrivateKey):
        hint = (
            "Put it back from a backup, or move it away: a new key is made then, and what was released keeps the old."
        )
        raise GraderError(f"{path} holds no Ed25519 key that can be read: {problem}.", hint)
    return key


def _public(key: Ed25519PrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _need_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise GraderError(
            "Signing a hand-out needs the package cryptography, which is not installed.",
            "pip install 'llm-from-scratch-grader[instructor]'",
        ) from error
