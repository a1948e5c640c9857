"""An autograder for Gradescope: its zip, what its scripts do in a tree like Gradescope's, the results they write."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest
import typer
from typer.testing import CliRunner

from grader.cli_export import export
from grader.course import Course, select
from grader.errors import GraderError
from grader.instructor import term as terms
from grader.instructor.platforms.autograder import autograder, warnings
from grader.instructor.platforms.container import Settings, refused, results
from grader.instructor.term import Assignment, Term
from grader.place import Place
from grader.results import CheckResult, ExerciseResult, Report, Status
from grader.sandbox import isolation

TINY = Path(__file__).parent / "tiny"
COURSE = Course.load(TINY)
SECTION = COURSE.sections[0]
RIGHT = SECTION.solution.read_text()
ALL = Settings(tuple(each.id for each in COURSE.exercises), 7)
strict = pytest.mark.skipif(bool(isolation.missing_for_strict()), reason="no strict level here")

_VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
_FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
SCHEMA = {  # as "Autograder Specifications" describes results.json; what is not described there is refused
    "type": "object",
    "additionalProperties": False,
    "anyOf": [
        {"required": ["score"]},
        {"required": ["tests"], "properties": {"tests": {"items": {"required": ["score"]}}}},
    ],
    "properties": {
        "score": {"type": "number", "minimum": 0},
        "execution_time": {"type": "integer", "minimum": 0},
        "output": {"type": "string"},
        "output_format": _FORMAT,
        "test_output_format": _FORMAT,
        "test_name_format": _FORMAT,
        "visibility": _VISIBILITY,
        "stdout_visibility": _VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number", "minimum": 0},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": _FORMAT,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": _FORMAT,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": _VISIBILITY,
                    "extra_data": {"type": "object"},
                },
            },
        },
    },
}


def valid(found):
    jsonschema.validate(found, SCHEMA)
    return found


def report(*checks, kind="core"):
    """A report of one exercise with these checks."""
    return Report(7, "strict", (ExerciseResult("ch01/first/add", kind, checks, 7),))


def check(status=Status.PASSED, points=0.0, **facts):
    return CheckResult("ch01/first/add/test_it", "The sum is right.", status, points, 2.0, **facts)


# results.json


def test_a_check_is_a_test():
    """Called by its rule, with its points and what the learner is told."""
    failed = check(
        Status.FAILED, message="Wrong by 1.", diagnosis="You subtract.", where="first.py, line 3", printed="hi"
    )

    found = valid(results(report(check(points=2.0), failed), ALL))

    first, second = found["tests"]
    assert (found["score"], found["output"]) == (2.0, "2 of 4 points.")
    assert (first["name"], first["status"], first["score"], first["max_score"]) == (
        "add: The sum is right.",
        "passed",
        2,
        2,
    )
    assert (second["status"], second["score"], second["number"]) == ("failed", 0, "1.2")
    assert (
        second["output"] == "Wrong by 1.\n\nLikely reason: You subtract.\n\nfirst.py, line 3\n\nYour code printed:\nhi"
    )


def test_what_is_beyond_is_no_maximum():
    """It adds what the class says that it counts, and the tests sum up to the score."""
    extra = report(check(points=2.0), kind="extra")

    none = valid(results(extra, ALL))
    half = valid(results(extra, Settings(ALL.exercises, 7, beyond=0.5)))

    assert (none["score"], none["tests"][0]["max_score"], none["tests"][0]["name"]) == (
        0,
        0,
        "add (beyond): The sum is right.",
    )
    assert (half["score"], half["tests"][0]["score"], half["tests"][0]["max_score"]) == (1.0, 1.0, 0)
    assert half["output"] == "0 of 0 points, 2 beyond."


def test_what_could_not_run_is_told():
    found = valid(results(report(check(Status.NOT_RUN, message="torch is missing.")), ALL))

    assert found["output"] == "0 of 2 points. Not checked here, tell your instructor: 2 points."
    assert found["tests"][0]["output"] == "Not run.\n\ntorch is missing."


def test_text_from_submissions_is_plain_text():
    """Neither HTML, Markdown nor colours: Gradescope is told that it is text, and control characters are escaped."""
    evil = check(Status.FAILED, message="<script>alert(1)</script> \x1b[31m\u202e", printed="x" * 100_000)

    found = valid(results(report(evil), ALL, ["\x1b[2J"]))

    assert {found["output_format"], found["test_output_format"], found["test_name_format"]} == {"text"}
    assert not {"\x1b", "\u202e"} & set(json.dumps(found, ensure_ascii=False))
    assert len(found["tests"][0]["output"]) < 6000


@pytest.mark.parametrize("when", ["visible", "hidden", "after_due_date", "after_published"])
def test_visibility(when):
    """Of the tests, as asked; what the grader itself prints is for instructors."""
    found = valid(results(report(check()), Settings(ALL.exercises, 7, visibility=when)))

    assert (found["visibility"], found["stdout_visibility"]) == (when, "hidden")


def test_a_refusal_is_valid_too():
    assert valid(refused("no <b>bwrap</b>\x1b"))["score"] == 0


# The zip


@pytest.fixture(scope="module")
def built():
    return autograder(COURSE, select(COURSE, []), ALL)


def entries(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {each.filename: (archive.read(each), each.external_attr >> 16) for each in archive.infolist()}


def test_the_zip_has_what_gradescope_asks_for(built):
    """Both scripts at its root, executable, with a line that says how."""
    files = entries(built)

    for name in ("setup.sh", "run_autograder"):
        content, mode = files[name]
        assert content.startswith(b"#!/usr/bin/env bash\n")
        assert b"\r" not in content
        assert mode == 0o100755


def test_the_zip_is_complete(built):
    """The grader, and of the course what judges."""
    files = entries(built)

    assert {"lib/grader/schema.json", "lib/grader/judge.ini", "lib/grader/instructor/platforms/container.py"} <= set(
        files
    )
    assert {name for name in files if name.startswith("course/")} == {
        "course/solutions/ch01_tiny/first.py",
        "course/solutions/ch01_tiny/first.toml",
        "course/tests/chapters/ch01_tiny/test_first.py",
    }
    assert not [name for name in files if "__pycache__" in name]


def test_the_same_arguments_make_the_same_bytes(built):
    assert autograder(COURSE, select(COURSE, []), ALL) == built


def test_the_packages_are_those_of_here(built):
    """pip is told what the grader needs, in the versions that are installed here, and where else to look."""
    files = entries(autograder(COURSE, select(COURSE, []), ALL, "https://torch.example/cpu"))

    assert files["requirements.txt"][0].startswith(b"--extra-index-url https://torch.example/cpu\n")
    assert b"\nnumpy>=" in files["requirements.txt"][0]
    assert b"nbgrader" not in files["requirements.txt"][0]
    pins = dict(line.split("==") for line in files["constraints.txt"][0].decode().splitlines())
    assert pins["numpy"] == __import__("numpy").__version__
    assert "+" not in pins["torch"]
    assert "llm-from-scratch-grader" not in pins


def test_only_the_chosen_sections(tmp_path):
    """Nothing of the others leaves, and what a suite reads beside it comes along."""
    course = Course.load(Path(__file__).parents[2])

    files = entries(autograder(course, select(course, ["ch02/embeddings"]), Settings(("ch02/embeddings",), 7)))

    suites = {name for name in files if name.startswith("course/tests/")}
    assert {Path(name).name for name in suites if name.endswith(".py")} == {
        "test_embeddings.py",
        "mistakes_embeddings.py",
    }
    assert "course/tests/chapters/ch02_transformer/embeddings_reference.json" in suites
    assert {Path(name).name for name in files if name.startswith("course/solutions/")} == {
        "embeddings.py", "embeddings.toml", "chapter.toml",
    }  # fmt: skip


def test_models_are_fetched_when_the_image_is_built():
    course = Course.load(Path(__file__).parents[2])

    setup = entries(autograder(course, select(course, ["ch02/hands_on_llama"]), ALL))["setup.sh"][0].decode()

    assert "for model in smollm2" in setup


def test_a_hand_out_makes_no_autograder(tmp_path):
    shutil.copytree(TINY / "exercises", tmp_path / "exercises")
    course = Course.load(tmp_path)

    with pytest.raises(GraderError, match="hidden suites of ch01/first are not here"):
        autograder(course, select(course, []), ALL)


# In a tree like Gradescope's


class Container:
    """`/autograder` somewhere else, with what the zip held; a submission is graded by `run_autograder` itself."""

    def __init__(self, root, content):
        self.root = root
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for each in archive.infolist():
                path = Path(archive.extract(each, root / "source"))
                path.chmod(each.external_attr >> 16 & 0o777)
        shutil.copy(root / "source" / "run_autograder", root / "run_autograder")

    def grade(self, files, **environment):
        """The results of a submission with these files, and what instructors see."""
        for folder in ("submission", "results"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        (self.root / "submission").mkdir()
        for name, text in files.items():
            path = self.root / "submission" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        place = {"AUTOGRADER_ROOT": str(self.root), "AUTOGRADER_PYTHON": sys.executable}
        environment = {**os.environ, **place, **environment}
        done = subprocess.run(
            [self.root / "run_autograder"], cwd=self.root, env=environment, capture_output=True, text=True, check=True
        )
        return valid(json.loads((self.root / "results" / "results.json").read_text())), done.stdout + done.stderr

    def set(self, **settings):
        path = self.root / "source" / "autograder.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


@pytest.fixture
def container(tmp_path, built):
    return Container(tmp_path, built)


def statuses(found):
    return [test["status"] for test in found["tests"]]


@strict
def test_a_right_submission(container):
    found, _ = container.grade({"first.py": RIGHT})

    assert found["score"] == 5
    assert statuses(found) == ["passed"] * 4
    assert found["extra_data"]["isolation"] == "strict"


@strict
def test_a_wrong_submission(container):
    """It loses what is wrong, and learns why."""
    found, _ = container.grade({"ch01_tiny/first.py": RIGHT.replace("a + b", "a - b")})

    assert (found["score"], found["output"]) == (3, "3 of 5 points.")
    assert statuses(found) == ["failed", "failed", "passed", "passed"]
    assert "yours" in found["tests"][0]["output"]


@strict
def test_a_missing_file(container):
    """Gradescope takes anything; the learner reads which file counts."""
    found, _ = container.grade({"essay.txt": "Hello", "notes.md": ""})

    assert found["score"] == 0
    assert "none of the files that count is there" in found["output"]
    assert {test["output"] for test in found["tests"]} == {"Not written yet."}


@strict
def test_a_syntax_error(container):
    found, _ = container.grade({"first.py": RIGHT + "\ndef broken(:\n"})

    assert found["score"] == 0
    assert "Could not be checked." in found["tests"][0]["output"]
    assert "first.py" in found["tests"][0]["output"]


@strict
def test_files_are_found_as_collect_finds_them(container):
    """In a zip, in a folder; two that differ are not chosen between."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("ch01_tiny/first.py", RIGHT)

    zipped, _ = container.grade({"hw1.zip": packed.getvalue()})
    twice, _ = container.grade({"a/first.py": RIGHT, "b/first.py": RIGHT + "\n# other\n"})

    assert zipped["score"] == 5
    assert twice["score"] == 0
    assert "differ, and both could be" in twice["output"]


HOSTILE = """
import json, os, pathlib, sys
def steal():
    found = []
    for root in ("/autograder", "AUTOGRADER", "/", os.getcwd(), *sys.path):
        for path in ("tests/chapters/ch01_tiny/test_first.py", "solutions/ch01_tiny/first.py"):
            try: found.append(pathlib.Path(root, "source/course", path).read_text())
            except OSError: pass
    return "".join(found)
STOLEN = steal()
try: pathlib.Path("AUTOGRADER/results/results.json").write_text(json.dumps({"score": 1000}))
except OSError: pass
class Right:
    def __eq__(self, other): return True
    def __getattr__(self, name): return lambda *a, **k: self
def add(a, b):
    print("STOLEN:" + STOLEN)
    try: pathlib.Path("AUTOGRADER/results/results.json").write_text(json.dumps({"score": 1000}))
    except OSError: pass
    return Right()
def mean(x): os._exit(0)
"""


@strict
def test_a_hostile_submission(container):
    """It reads no suite, writes no results, earns nothing, and costs nobody the results."""
    found, _ = container.grade({"first.py": HOSTILE.replace("AUTOGRADER", str(container.root))})

    assert found["score"] == 0
    assert statuses(found) == ["failed"] * 4
    assert "STOLEN:" in found["tests"][0]["output"]
    assert "check_equal" not in json.dumps(found)


@strict
def test_what_is_fixed_is_not_shown(tmp_path, built):
    """A check on fixed data says its rule and no word that the learner's code chose."""
    container = Container(tmp_path, built)
    suite = container.root / "source" / "course" / "tests" / "chapters" / "ch01_tiny" / "test_first.py"
    text = suite.read_text()
    suite.write_text(
        text.replace('@pytest.mark.exercise("add")\ndef', '@pytest.mark.exercise("add")\n@pytest.mark.fixed_data\ndef')
    )
    assert suite.read_text() != text

    found, _ = container.grade({"first.py": RIGHT.replace("return a + b", "print('data', a)\n    return f'data {a}'")})

    fixed, other = found["tests"][:2]
    assert fixed["name"] == "add: Two and three make five."
    assert "data 2" not in fixed["output"]
    assert "is not shown" in fixed["output"]
    assert "data" in other["output"]


@pytest.fixture
def tools(tmp_path):
    """A PATH with what the scripts call, and no bubblewrap."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("bash", "mkdir", "sh"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


@pytest.mark.parametrize("bubblewrap", ["missing", "refused"])
def test_where_strict_does_not_hold_nothing_is_graded(container, tools, bubblewrap):
    """It never weakens: not even a right submission is run, and both learner and instructor are told."""
    if bubblewrap == "refused":  # as in a container that allows no namespaces
        (tools / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
        (tools / "bwrap").chmod(0o755)

    found, said = container.grade({"first.py": RIGHT}, PATH=str(tools))

    assert (found["score"], found["tests"]) == (0, [])
    assert found["output"].startswith("Not graded.")
    assert found["extra_data"] == {"graded": False}
    assert "--isolation process" in said


def test_process_only_where_the_instructor_chose_it(container, tools):
    container.set(isolation="process")

    found, _ = container.grade({"first.py": RIGHT}, PATH=str(tools))

    assert (found["score"], found["extra_data"]["isolation"]) == (5, "process")


def test_whatever_happens_there_are_results(container):
    """An autograder that is broken itself says so, too."""
    (container.root / "source" / "autograder.json").write_text("nonsense")

    found, said = container.grade({"first.py": RIGHT})

    assert found["output"] == "Not graded: the autograder itself failed. Please tell your instructor."
    assert "Traceback" in said


@strict
def test_the_grader_in_the_zip_is_what_runs(container):
    """And not one that is installed by chance."""
    version = container.root / "source" / "lib" / "grader" / "__init__.py"
    version.write_text(version.read_text().replace('__version__ = "', '__version__ = "zip-'))

    found, _ = container.grade({"first.py": RIGHT})

    assert found["extra_data"]["grader"].startswith("zip-")


# The scripts


@pytest.mark.parametrize("name", ["setup.sh", "run_autograder"])
def test_bash_reads_the_scripts(tmp_path, built, name):
    (tmp_path / name).write_bytes(entries(built)[name][0])

    done = subprocess.run(["bash", "-n", tmp_path / name], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
@pytest.mark.parametrize("name", ["setup.sh", "run_autograder"])
def test_shellcheck_has_nothing_to_say(tmp_path, built, name):
    (tmp_path / name).write_bytes(entries(built)[name][0])

    done = subprocess.run(["shellcheck", tmp_path / name], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_setup_installs_and_fails_loudly(container, tools):
    """apt gets what level strict needs, pip exactly what is pinned; a step that fails ends it."""
    log = container.root / "log"
    mkdir, copy = shutil.which("mkdir"), shutil.which("cp")
    for name in ("apt-get", "python3"):
        (tools / name).write_text(
            f'#!{shutil.which("bash")}\necho "{name} $*" >> "{log}"\n'
            'case "$*" in *"version_info[:2]"*) echo python3.12;; esac\n'
            f'case "$*" in "-m venv"*) {mkdir} -p "$3/bin"; {copy} "$0" "$3/bin/python";; esac\n'
            '[ "$1" != "${FAILS:-none}" ]\n'
        )
        (tools / name).chmod(0o755)
    (tools / "rm").write_text("#!/bin/sh\n")
    (tools / "rm").chmod(0o755)
    environment = {"PATH": str(tools), "AUTOGRADER_ROOT": str(container.root)}
    setup = ["bash", container.root / "source" / "setup.sh"]

    done = subprocess.run(setup, env=environment, capture_output=True, text=True, check=False)
    failed = subprocess.run(setup, env={**environment, "FAILS": "update"}, capture_output=True, check=False)

    lines = log.read_text().splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert failed.returncode != 0
    assert any("install" in line and "bubblewrap libseccomp2" in line for line in lines)
    assert any("install" in line and "python3.12-venv" in line for line in lines)
    pip = next(line for line in lines if "-m pip install" in line)
    assert f"-r {container.root}/source/requirements.txt -c {container.root}/source/constraints.txt" in pip


# The command


def run(*arguments, course=TINY):
    app = typer.Typer()
    app.add_typer(export, name="export")
    result = CliRunner().invoke(app, ["export", "gradescope", *map(str, arguments)], obj=Place(None, course))
    return result.exit_code, " ".join(result.stdout.split()), " ".join(result.stderr.split())


def test_the_command(tmp_path):
    """Writes the zip, warns, and says where on Gradescope it goes and what it is worth there."""
    code, said, _ = run("mean", "--seed", 3, "--out", tmp_path / "a.zip")

    settings = json.loads(entries((tmp_path / "a.zip").read_bytes())["autograder.json"][0])
    assert code == 0
    assert settings == {
        "exercises": ["ch01/first/mean"], "seed": 3, "isolation": "strict", "visibility": "visible", "beyond": 0.0,
    }  # fmt: skip
    assert "3 autograder points" in said
    assert "Configure Autograder" in said
    assert "nothing is graded and the results say so" in said
    assert "keep it to yourself" in said


def test_process_is_warned_about(tmp_path):
    _, said, _ = run("--isolation", "process", "--out", tmp_path / "a.zip")

    assert "it can read the suites and solutions in the image" in said


def test_an_assignment_of_the_class(tmp_path):
    """Its exercises and its seed; how extras count comes from the class."""
    terms.create(tmp_path / "term", TINY, None)
    toml = tmp_path / "term" / "class.toml"
    toml.write_text(toml.read_text().replace("beyond = 0.0", "beyond = 0.25"))
    terms.add_assignment(Term.load(tmp_path / "term"), Assignment("hw1", ("add",), None, 99, variants=True))

    code, said, _ = run("--assignment", "hw1", "--out", tmp_path / "a.zip", "--class", tmp_path / "term")

    settings = json.loads(entries((tmp_path / "a.zip").read_bytes())["autograder.json"][0])
    assert (code, settings["exercises"], settings["seed"], settings["beyond"]) == (0, ["ch01/first/add"], 99, 0.25)
    assert warnings(ALL, variants=True)[-1] in said


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--visibility", "never"], "Gradescope has no visibility `never`."),
        (["add", "--assignment", "hw1"], "Either IDs or --assignment."),
        (["nothing"], "Nothing in this course is called `nothing`."),
    ],
)
def test_slips_are_told(tmp_path, arguments, problem):
    code, _, said = run(*arguments, "--out", tmp_path / "a.zip")

    assert code == 2
    assert problem in said
    assert not (tmp_path / "a.zip").exists()
