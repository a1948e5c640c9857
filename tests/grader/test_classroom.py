"""A template repository for GitHub: what is in it, whether its workflow is safe, and what its steps really do."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from grader.cli_export import export
from grader.course import Course
from grader.errors import GraderError
from grader.instructor import term as terms
from grader.instructor.handout.choice import Format, Wish
from grader.instructor.handout.manifest import verify
from grader.instructor.platforms.classroom import WORKFLOW, repository, workflow
from grader.instructor.platforms.installing import ITSELF
from grader.instructor.term import Assignment, Term
from grader.place import Place
from grader.report.summary import LONGEST, summary
from grader.results import CheckResult, ExerciseResult, Report, Status

TINY = Path(__file__).parent / "tiny"
COURSE = Course.load(TINY)
RIGHT = COURSE.sections[0].solution.read_text()
BIN = Path(sys.executable).parent
JOB = yaml.safe_load(workflow())["jobs"]["check"]
STEPS = {step.get("name", step.get("uses", "").partition("@")[0]): step for step in JOB["steps"]}
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


# The workflow


def test_the_workflow_may_only_read():
    """No more permissions than reading the code, nowhere, and no event that hands secrets to strangers."""
    whole = yaml.safe_load(workflow())

    assert whole["permissions"] == {"contents": "read"}
    assert "permissions" not in JOB
    assert set(whole[True]) == {"push", "pull_request", "workflow_dispatch"}  # YAML takes `on` for a truth value
    assert STEPS["actions/checkout"]["with"] == {"persist-credentials": False}


def test_no_text_from_outside_gets_into_a_script():
    """What GitHub would paste into a script is passed in the environment."""
    assert [step["run"] for step in STEPS.values() if "${{" in step.get("run", "")] == []
    assert set(re.findall(r"\$\{\{ (.*?) \}\}", workflow())) == {
        "github.ref", "vars.GRADER_SERVER", "secrets.GRADER_TOKEN", "runner.temp",
    }  # fmt: skip


def test_one_step_alone_gets_the_token():
    """And none of a pull request's."""
    having = [name for name, step in STEPS.items() if "secrets." in str(step)]

    assert having == ["Hidden checks, by the class's service"]
    assert STEPS[having[0]]["if"] == "github.event_name != 'pull_request'"
    assert workflow().count("secrets.") == 1


def test_actions_are_pinned():
    """GitHub's own, by commit, with the release that it is."""
    used = re.findall(r"uses: (.*)", workflow())

    assert len(used) == 3
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used)


def test_nothing_runs_for_ever():
    whole = yaml.safe_load(workflow())

    assert JOB["timeout-minutes"] <= 30
    assert whole["concurrency"] == {"group": "check-${{ github.ref }}", "cancel-in-progress": True}


@pytest.mark.parametrize("command", [["zizmor", "--offline", "--persona=pedantic"],
                                     ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"]],
                         ids=lambda command: command[0])  # fmt: skip
def test_validators_have_nothing_to_say(tmp_path, command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    path = tmp_path / WORKFLOW
    path.parent.mkdir(parents=True)
    path.write_text(workflow())

    done = subprocess.run([*command, path], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


# The repository


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    out = tmp_path_factory.mktemp("github") / "hw1"
    repository(COURSE, None, Wish(out, "hw1", ("ch01",), form=Format.git), index="https://torch.example/cpu")
    return out


def git(folder, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_hand_out_with_a_workflow(template):
    """One commit with stubs, lesson, pristine stubs, and what the workflow needs; nothing is left uncommitted."""
    assert git(template, "log", "--format=%s") == "hw1"
    assert git(template, "status", "--porcelain") == ""
    assert git(template, "ls-files").splitlines() == [
        ".github/constraints.txt",
        ".github/requirements.txt",
        WORKFLOW,
        ".gitignore",
        ".grader/exercises/ch01_tiny/first.md",
        ".grader/exercises/ch01_tiny/first.py",
        ".grader/exercises/ch01_tiny/first.toml",
        ".grader/release.json",
        ".grader/workspace.json",
        "README.md",
        "ch01_tiny/first.md",
        "ch01_tiny/first.py",
    ]


def test_the_grader_is_installed_as_told(template, tmp_path):
    """This version by name, or whatever the instructor names; what asks the service; all in the versions of here."""
    repository(COURSE, None, Wish(tmp_path / "x", "x", ("add",), form=Format.git), "git+https://git.example/grader@v1")

    mine, theirs = ((folder / ".github/requirements.txt").read_text() for folder in (template, tmp_path / "x"))
    assert mine == f"--extra-index-url https://torch.example/cpu\n{ITSELF}\nhttpx\n"
    assert theirs == "git+https://git.example/grader@v1\nhttpx\n"
    assert re.search(r"^numpy==", (template / ".github/constraints.txt").read_text(), re.MULTILINE)


def test_nothing_is_given_away(template):
    """Neither in the files nor in anything that git keeps."""
    everything = git(template, "log", "-p") + "".join(
        path.read_text() for path in template.rglob("*") if path.is_file() and ".git" not in path.parts
    )

    assert "return a + b" not in everything.replace("return a + b, with the names as they are", "")  # the third hint
    assert "test_small_numbers" not in everything
    assert str(TINY) not in everything


def test_a_leak_stops_it(tmp_path):
    shutil.copytree(TINY, tmp_path / "course")
    lesson = tmp_path / "course/solutions/ch01_tiny/first.md"
    lesson.write_text(lesson.read_text() + "\n    return np.asarray(x).sum(axis=-1) / np.shape(x)[-1]\n")

    with pytest.raises(GraderError, match="would give something away"):
        repository(Course.load(tmp_path / "course"), None, Wish(tmp_path / "out", "out", ("ch01",), form=Format.git))
    assert not (tmp_path / "out").exists()


def test_the_same_repository_again(template, tmp_path):
    """Made twice it is the same commit, and an earlier one that nobody changed is replaced."""
    wish = Wish(tmp_path / "hw1", "hw1", ("ch01",), form=Format.git)
    for _ in range(2):
        repository(COURSE, None, wish, index="https://torch.example/cpu")

    assert git(tmp_path / "hw1", "rev-parse", "HEAD") == git(template, "rev-parse", "HEAD")


def test_what_was_changed_is_not_replaced(tmp_path):
    wish = Wish(tmp_path / "hw1", "hw1", ("ch01",), form=Format.git)
    repository(COURSE, None, wish)
    (tmp_path / "hw1/README.md").write_text("mine")

    with pytest.raises(GraderError, match=r"README\.md was changed"):
        repository(COURSE, None, wish)
    assert (tmp_path / "hw1/README.md").read_text() == "mine"


def test_an_assignment_of_the_class(tmp_path):
    """Signed by the class; with variants there is no one template."""
    terms.create(tmp_path / "term", TINY, None)
    terms.add_assignment(Term.load(tmp_path / "term"), Assignment("hw1", ("add",), None, 9))
    term = terms.add_assignment(Term.load(tmp_path / "term"), Assignment("hw2", ("add",), None, 9, variants=True))

    repository(COURSE, term, Wish(tmp_path / "hw1", "hw1", form=Format.git))

    manifest = json.loads((tmp_path / "hw1/.grader/release.json").read_text())
    verify(manifest, (tmp_path / "term/class.key.pub").read_text())
    assert WORKFLOW in manifest["files"]
    with pytest.raises(GraderError, match="variant for each student"):
        repository(COURSE, term, Wish(tmp_path / "hw2", "hw2", form=Format.git))


def test_the_readme_says_what_a_secret_may_be(template):
    text = " ".join((template / "README.md").read_text().split())

    assert text.startswith("# hw1")
    assert "must therefore be this student's own token" in text
    assert "Never put a key to the suites" in text
    assert "your grade comes from the files in this repository" in text


# The workflow's steps, as a runner of GitHub's would run them


class Runner:
    """A clone of the template on a machine where the grader is installed."""

    def __init__(self, template, folder):
        self.clone, self.folder = folder / "work", folder
        subprocess.run(["git", "clone", "--quiet", template, self.clone], check=True)
        (folder / "temp").mkdir()
        self.summary = folder / "summary.md"
        self.summary.touch()

    def push(self, text=None, event="push", **settings):
        """Runs all steps that run commands; returns for each whether it went well."""
        if text is not None:
            (self.clone / "ch01_tiny/first.py").write_text(text)
        went: dict[str, bool] = {}
        for name, step in STEPS.items():
            if "run" not in step or name == "Install the grader":
                continue
            condition = step.get("if", "")
            if condition == "github.event_name != 'pull_request'" and event == "pull_request":
                continue
            if condition == "always()" or all(went.values()):
                went[name] = self._step(step, settings)
        return went

    def _step(self, step, settings):
        own = {key: settings.get(value.split()[1].partition(".")[2], "") for key, value in step.get("env", {}).items()}
        given = {"RUNNER_TEMP": str(self.folder / "temp"), "GITHUB_STEP_SUMMARY": str(self.summary)}
        environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **given, **own}
        script = self.folder / "script.sh"
        script.write_text(step["run"])
        self.said = subprocess.run(
            ["bash", "-e", script], cwd=self.clone, env=environment, capture_output=True, text=True, check=False
        )
        return self.said.returncode == 0

    def report(self, name="public"):
        return json.loads((self.folder / "temp" / "checks" / f"{name}.json").read_text())


@pytest.fixture
def runner(template, tmp_path):
    return Runner(template, tmp_path)


GREEN = {"Public checks": True, "Hidden checks, by the class's service": True, "Summary": True}


@pytest.mark.parametrize(
    ("text", "says"),
    [(None, "0 of 2 pass"), (RIGHT, "2 of 2 pass"), (RIGHT.replace("a + b", "a - b"), "1 of 2 pass")],
    ids=["untouched", "right", "wrong"],
)
def test_a_push_is_checked(runner, text, says):
    """Green whatever the points; the summary says what passes, and that the hidden checks decide."""
    went = runner.push(text)

    assert went == GREEN
    assert runner.report()["public_only"] is True
    assert f"{says}. The hidden checks, which decide, were not asked." in runner.summary.read_text()


def test_a_failure_says_why(runner):
    runner.push(RIGHT.replace("a + b", "a - b"))

    text = runner.summary.read_text()
    assert "| `add` | failed |  |" in text
    assert "### add" in text
    assert ">>> add(2, 3)" in text


def test_what_cannot_be_checked_is_red(runner):
    """A repository that is no hand-out any more; the summary is written all the same."""
    (runner.clone / ".grader/workspace.json").write_text("{")

    went = runner.push()

    assert went == {"Public checks": False, "Summary": True}
    assert "Nothing could be checked" in runner.summary.read_text()


def test_a_learners_files_do_not_get_in_the_way(runner):
    """Not even a `grader` folder or a `json.py` of their own."""
    (runner.clone / "grader").mkdir()
    (runner.clone / "grader/__init__.py").write_text("raise SystemExit(3)")
    (runner.clone / "json.py").write_text("raise SystemExit(3)")

    assert runner.push(RIGHT) == GREEN
    assert "2 of 2 pass" in runner.summary.read_text()


def test_a_pull_request_asks_nobody(runner):
    went = runner.push(RIGHT, "pull_request", GRADER_SERVER="https://nowhere.example", GRADER_TOKEN="x")

    assert went == {"Public checks": True, "Summary": True}


def test_half_set_up_is_not_set_up(runner):
    assert runner.push(RIGHT, GRADER_SERVER="https://nowhere.example") == GREEN


def asks_a_server():
    done = subprocess.run([BIN / "grader", "check", "--help"], capture_output=True, text=True, check=False)
    return "--server" in done.stdout


def test_hidden_checks_by_the_service(runner, tmp_path):
    """With the student's token the class's service checks, and the summary shows what it found."""
    if not asks_a_server():
        pytest.skip("this `grader check` has no --server")
    from tests.grader.served import running

    with running(tmp_path / "class") as served:
        went = runner.push(RIGHT.replace("a + b", "a - b"), GRADER_SERVER=served.url, GRADER_TOKEN=served.tokens["ann"])

    text = runner.summary.read_text()
    assert went == GREEN
    assert runner.report("hidden")["points"] == 3
    assert text.startswith("# Hidden checks")
    assert "**3 of 5 points**" in text
    assert "- Two and three make five." in text


def test_a_service_that_cannot_be_reached_is_red(runner):
    if not asks_a_server():
        pytest.skip("this `grader check` has no --server")

    went = runner.push(RIGHT, GRADER_SERVER="http://127.0.0.1:9", GRADER_TOKEN="x")

    assert went == {**GREEN, "Hidden checks, by the class's service": False}
    assert "2 of 2 pass" in runner.summary.read_text()


@pytest.mark.parametrize("name", [name for name, step in STEPS.items() if "run" in step])
def test_shellcheck_has_nothing_to_say(tmp_path, name):
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck here")
    (tmp_path / "step.sh").write_text(STEPS[name]["run"])

    done = subprocess.run(
        ["shellcheck", "-s", "bash", tmp_path / "step.sh"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


# The summary


def report(*checks, public_only=False, kind="core"):
    return Report(7, "strict", (ExerciseResult("ch01/first/add", kind, checks, 7),), public_only)


def check(status, points=0.0, rule="It adds.", **facts):
    return CheckResult("ch01/first/add/test_it", rule, status, points, 2.0, **facts)


def test_a_summary():
    found = summary(
        report(check(Status.PASSED, 2.0), check(Status.FAILED, message="Off by 1.", diagnosis="You subtract."))
    )

    assert [line.rstrip() for line in found.rstrip().splitlines()] == [
        "# Hidden checks",
        "",
        "**2 of 4 points**. Exercises passed: 0 of 1.",
        "",
        "## ch01/first",
        "",
        "| exercise | status | points |",
        "|---|---|---|",
        "| `add` | failed | 2 of 4 |",
        "",
        "### add",
        "",
        "- It adds.",
        "",
        "  ```text",
        "  Off by 1.",
        "",
        "  Likely reason: You subtract.",
        "  ```",
    ]


def test_a_summary_is_text():
    """Markup from a submission stays in its fence, and a fence inside does not end it."""
    evil = "```\n<img src=x onerror=alert(1)>\n````\n# You passed\x1b[31m"

    found = summary(report(check(Status.BROKEN, message=evil), check(Status.FAILED, rule="a | b <b>*x*</b>")))

    inside = found.partition("`````text\n")[2].partition("`````")[0]
    assert "<img" in inside
    assert "<img" not in found.replace(inside, "")
    assert "\x1b" not in found
    assert r"a \| b \<b\>\*x\*\</b\>" in found


def test_what_is_beyond_and_what_was_not_run():
    found = summary(report(check(Status.NOT_RUN), kind="extra"))

    assert "**0 of 0 points**, 0 of 2 beyond. Exercises passed: 0 of 1. Points not run: 2." in found
    assert "| `add` (beyond) | not run | 0 of 2 |" in found


def test_a_summary_has_a_bound(tmp_path):
    checks = [check(Status.FAILED, rule="x" * 3000) for _ in range(400)]
    (tmp_path / "public.json").write_text(json.dumps(report(*checks).to_json()))

    done = subprocess.run(
        [sys.executable, "-m", "grader.report.summary", tmp_path], capture_output=True, check=True, cwd=tmp_path
    )

    assert 0 < len(done.stdout) <= LONGEST


# The command


def run(*arguments):
    app = typer.Typer()
    app.add_typer(export, name="export")
    result = CliRunner().invoke(app, ["export", "github", *map(str, arguments)], obj=Place(None, TINY))
    return result.exit_code, " ".join(result.stdout.split()), " ".join(result.stderr.split())


def test_the_command(tmp_path):
    code, said, _ = run("add", "--out", tmp_path / "hw1")

    assert code == 0
    assert (tmp_path / "hw1" / WORKFLOW).is_file()
    assert "1 exercise and a workflow; searched for leaks." in said
    assert "gh repo create ORG/hw1 --private" in said
    assert "grader collect hw1 FILE" in said


@pytest.mark.parametrize("arguments", [[], ["add", "--assignment", "hw1"]])
def test_slips_are_told(tmp_path, arguments):
    code, _, said = run(*arguments, "--out", tmp_path / "x")

    assert code == 2
    assert "Either IDs or an assignment of the class." in said
