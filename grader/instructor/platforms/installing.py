"""What pip has to install where the grader is to run besides here, with the versions that are installed here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata

from grader import __version__
from grader.sandbox.isolation import closure

PACKAGE = "llm-from-scratch-grader"
ITSELF = f"{PACKAGE}=={__version__}"


def dependencies() -> list[str]:
    """What the grader needs, without itself and its extras."""
    return sorted(each for each in metadata.requires(PACKAGE) or [] if "extra ==" not in each)


def requirements(wanted: Sequence[str], index: str = "") -> str:
    """A requirements file; `index` is where pip looks beside where it looks already, such as for torch's CPU build."""
    return "".join(f"{line}\n" for line in [*([f"--extra-index-url {index}"] if index else []), *wanted])


def constraints() -> str:
    """A constraints file for all that the grader needs; which build of a version it is, is left to the index."""
    pins = {name: metadata.version(name).partition("+")[0] for name in closure((PACKAGE,)) if name != PACKAGE}
    return "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))
