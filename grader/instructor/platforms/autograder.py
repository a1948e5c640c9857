"""A zip from which Gradescope builds an autograder: the grader, and the suites and solutions of what it grades.

After Gradescope's documentation (gradescope-autograders.readthedocs.io: "Autograder Specifications", "Technical
Details", "Base Images"): `setup.sh` is run once, as root on Ubuntu, when the image is built; `run_autograder` for each
submission (see `container`). Gradescope shows the zip to a course's staff only. The versions of the packages are those
that are installed where it is made. Both scripts take another place than /autograder from AUTOGRADER_ROOT.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import grader
from grader.course import Course, Exercise, Section
from grader.errors import GraderError
from grader.files import read_bytes
from grader.instructor.platforms.container import SETTINGS, Settings
from grader.instructor.platforms.installing import constraints, dependencies, requirements

_EPOCH = (1980, 1, 1, 0, 0, 0)


def autograder(
    course: Course, selection: Mapping[Section, tuple[Exercise, ...]], settings: Settings, index: str = ""
) -> bytes:
    """The zip to upload; the same arguments in the same environment make the same bytes.

    Args:
        course: with the solutions and suites of what is selected.
        selection: what is graded.
        settings: how.
        index: where pip finds torch's CPU build, beside where it looks already.

    Raises:
        GraderError: a suite or a solution is not here.
    """
    missing = [section.id for section in selection if section.suite is None or section.solution is None]
    if missing:
        raise GraderError(f"The hidden suites of {', '.join(missing)} are not here.", "Export with the whole course.")
    models = sorted({name for section in selection for name in section.models})
    files = {
        "setup.sh": _SETUP.replace("@MODELS@", " ".join(models)).encode(), "run_autograder": _RUN.encode(),
        SETTINGS: json.dumps(asdict(settings), indent=2).encode() + b"\n",
        "requirements.txt": requirements(dependencies(), index).encode(), "constraints.txt": constraints().encode(),
    }  # fmt: skip
    files |= {f"lib/grader/{name}": content for name, content in _package().items()}
    for section in selection:
        files |= {f"course/{name}": content for name, content in _judging(course, section).items()}
    return zipped(files, executable=("setup.sh", "run_autograder"))


def warnings(settings: Settings, variants: bool) -> list[str]:
    """What whoever uploads the zip must know. `variants`: whether the assignment has one for each student."""
    found = [
        "It holds the suites and solutions of these sections: keep it to yourself. Gradescope shows it to staff only.",
        "At level process a submission runs as the same user as the grader: it can read the suites and solutions in the"
        " image, use the network, and write its own results. Look at the submissions themselves."
        if settings.isolation == "process"
        else "Where Gradescope's containers do not allow level strict, nothing is graded and the results say so.",
    ]
    if variants:
        found.append("Gradescope knows no ids of this class: everybody gets the inputs of the assignment's own seed.")
    return found


def _judging(course: Course, section: Section) -> dict[str, bytes]:
    """All that judges a section, by its place in the course."""
    assert section.suite is not None
    beside = [path for path in section.suite.parent.iterdir() if path.is_file() and path.suffix not in (".py", ".pyc")]
    paths = [section.source, section.source.with_suffix(".toml"), section.suite, section.mistakes, *beside]
    chapter = section.source.with_name("chapter.toml")
    found = [path for path in (*paths, chapter) if path is not None and path.is_file()]
    return {path.relative_to(course.root).as_posix(): read_bytes(path) for path in found}


def _package() -> dict[str, bytes]:
    """The grader itself, as it runs here."""
    root = Path(grader.__file__).parent
    found = [path for path in root.rglob("*") if path.is_file() and path.suffix in (".py", ".json", ".ini")]
    return {path.relative_to(root).as_posix(): read_bytes(path) for path in found}


def zipped(files: Mapping[str, bytes], executable: Sequence[str] = ()) -> bytes:
    """The same files make the same zip, whenever and wherever."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = (0o100755 if name in executable else 0o100644) << 16
            archive.writestr(entry, files[name])
    return made.getvalue()


_SETUP = """\
#!/usr/bin/env bash
# Builds the autograder's image: run once, as root, on Ubuntu, when the zip is uploaded.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"
export DEBIAN_FRONTEND=noninteractive GRADER_MODELS="$root/models" PYTHONPATH="$root/source/lib"

apt-get update
apt-get install -y --no-install-recommends bubblewrap libseccomp2 ca-certificates

new_enough() { command -v "$1" > /dev/null && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; }
python=""
for each in python3.13 python3.12 python3.11 python3; do
    if new_enough "$each"; then python="$each"; break; fi
done
if [ -z "$python" ]; then # Ubuntu 22.04 has 3.10, and 3.11 beside it; from 24.04 on, its own is new enough
    apt-get install -y --no-install-recommends python3.11
    python=python3.11
fi
version="$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')"
apt-get install -y --no-install-recommends "$version-venv"
rm -rf /var/lib/apt/lists/*

"$python" -m venv "$root/venv"
"$root/venv/bin/python" -m pip install --no-cache-dir --disable-pip-version-check \\
    -r "$root/source/requirements.txt" -c "$root/source/constraints.txt"
for model in @MODELS@; do
    "$root/venv/bin/python" -m grader models fetch "$model"
done
"""

_RUN = """\
#!/usr/bin/env bash
# Grades one submission, in a container of its own.
set -u
root="${AUTOGRADER_ROOT:-/autograder}"
export GRADER_MODELS="$root/models" PYTHONPATH="$root/source/lib"
mkdir -p "$root/results"
cd "$root/source/lib" || exit 1
if ! "${AUTOGRADER_PYTHON:-$root/venv/bin/python}" -m grader.instructor.platforms.container "$root"; then
    says="Not graded: the autograder itself failed. Please tell your instructor."
    printf '{"score": 0, "tests": [], "output": "%s"}\\n' "$says" > "$root/results/results.json"
fi
"""
