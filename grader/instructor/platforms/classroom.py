"""A repository on GitHub for learners, whose workflow checks every push.

GitHub Classroom ended in August 2026. What a class needs of it are a template repository (this), a repository for each
student made from it, feedback on a push (the workflow), and collecting (`grader collect` with a list of addresses).

Whoever may push to a repository may change its workflow and read its secrets. So nothing that a workflow says is a
grade, and its one secret is a token of that student alone, with which the class's service answers within that student's
quota (`grader token`); never a key to the suites. The workflow's own permissions are to read the code; secrets are not
given to pull requests from forks, and `pull_request_target`, which would give them, is not used. Actions are GitHub's
own three, pinned to the commits of their releases: a tag can be moved, and organisations may require commits.

After GitHub's documentation (docs.github.com: "Workflow syntax for GitHub Actions", "Secure use reference", "Workflow
commands", job summaries among them). Not run on GitHub itself.
"""

from __future__ import annotations

import sys

from grader.course import Course
from grader.errors import GraderError
from grader.instructor.handout import packing
from grader.instructor.handout.choice import Format, Wish, settle
from grader.instructor.handout.handout import HandOut
from grader.instructor.handout.manifest import Signer
from grader.instructor.handout.release import Maker
from grader.instructor.platforms.installing import ITSELF, constraints, requirements
from grader.instructor.term import Term

WORKFLOW = ".github/workflows/grade.yml"
_WORKFLOW = """\
# Checks what is pushed. What it says is feedback: grades come from what is in the repository, not from here.
name: Check

on:
  push:
  pull_request:
  workflow_dispatch:

permissions:
  contents: read

concurrency:
  group: check-${{ github.ref }}
  cancel-in-progress: true

jobs:
  check:
    name: Check
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
        with:
          persist-credentials: false
      - uses: actions/setup-python@a309ff8b426b58ec0e2a45f0f869d46889d02405 # v6.2.0
        with:
          python-version: "@PYTHON@"
          cache: pip
          cache-dependency-path: .github/*.txt
      - name: Install the grader
        run: python -m pip install --quiet -r .github/requirements.txt -c .github/constraints.txt
      - name: Public checks
        run: |
          mkdir -p "$RUNNER_TEMP/checks"
          grader check --json > "$RUNNER_TEMP/checks/public.json" || test "$?" -eq 1
      - name: Hidden checks, by the class's service
        if: github.event_name != 'pull_request'
        env:
          GRADER_SERVER: ${{ vars.GRADER_SERVER }}
          GRADER_TOKEN: ${{ secrets.GRADER_TOKEN }}
        run: |
          if [ -z "$GRADER_SERVER" ] || [ -z "$GRADER_TOKEN" ]; then
            echo "Not set up here: the hidden checks run when the work is graded."
          else
            grader check --server "$GRADER_SERVER" --json > "$RUNNER_TEMP/checks/hidden.json" || test "$?" -eq 1
          fi
      - name: Summary
        if: always()
        run: python -P -m grader.report.summary "$RUNNER_TEMP/checks" >> "$GITHUB_STEP_SUMMARY"
      - uses: actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1
        if: always()
        with:
          name: checks
          path: ${{ runner.temp }}/checks/
          if-no-files-found: ignore
          retention-days: 30
"""
_README = """
## Checks on GitHub

Every push is checked: open *Actions*, the newest run, and read its summary. A run is green when checking worked,
whatever the points. It is feedback and no more: your grade comes from the files in this repository, and nothing below
`.github` counts.

<details><summary>For the instructor</summary>

The public checks need nothing. For the hidden ones, run `grader serve-class` where GitHub reaches it, set the variable
`GRADER_SERVER` (of the organisation) to its address, and in each student's repository the secret `GRADER_TOKEN` to the
token that `grader token STUDENT` makes.

Whoever may push here may change the workflow and read that secret. It must therefore be this student's own token, which
can do nothing but ask for checks within this student's quota. Never put a key to the suites, to a private repository or
to the class folder here.

Collect with `grader collect ASSIGNMENT FILE`, where FILE lists `student,url` of the repositories.
</details>
"""


def repository(course: Course, term: Term | None, wish: Wish, spec: str = "", index: str = "") -> HandOut:
    """Makes a template repository at `wish.out`: a hand-out with a workflow, as the one commit of a git repository.

    Args:
        course: the whole course.
        term: the class, where the hand-out is one of its assignments.
        wish: what is handed out.
        spec: what pip installs as the grader; by default this version of it by its name.
        index: where pip finds torch's CPU build, beside where it looks already.

    Returns:
        What was handed out.

    Raises:
        GraderError: it cannot be made, would give something away, or is not the same for everybody.
    """
    handout = settle(course, term, wish)
    if handout.assignment.variants:
        problem = f"{wish.name} has a variant for each student, which one template cannot hold."
        raise GraderError(problem, f"Make a repository for each: grader release --name {wish.name} --format git")
    packing.check_replaceable(wish.out, wish.name)
    with packing.staged(wish.out) as place:
        Template(handout, Format.git, Signer(term) if term else None, spec, index).make(place, None)
        packing.put(place, wish.out)
    return handout


class Template(Maker):
    """Makes the hand-out with the workflow, signed and searched for leaks like any other."""

    def __init__(self, handout: HandOut, form: Format, signer: Signer | None, spec: str, index: str) -> None:
        super().__init__(handout, form, signer)
        self._extra |= {
            WORKFLOW: workflow().encode(),
            ".github/requirements.txt": requirements([spec or ITSELF, "httpx"], index).encode(),
            ".github/constraints.txt": constraints().encode(),
            "README.md": handout.files()["README.md"] + _README.encode(),
        }


def workflow() -> str:
    """The workflow, on the version of Python for which the packages' versions were found."""
    return _WORKFLOW.replace("@PYTHON@", f"{sys.version_info.major}.{sys.version_info.minor}")
