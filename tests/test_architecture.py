"""The architecture as a test: arrows run downward, functions stay short, names say something."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "grader"

# From the ground up: a module imports only what stands before it (modules in one row do not import each other).
LAYERS = """
    grader
    errors results words
    text
    files models
    sources fetch
    section
    course
    stubs
    receipts cells
    statements
    program
    notebooks
    exercises
    workspace
    progress
    submit
    parts
    stage
    shapes scaling
    relations
    arrays
    leaves
    compare
    travel
    mistakes
    checks
    sandbox
    sandbox.wire
    sandbox.channel sandbox.values
    sandbox.encoder sandbox.decoder
    sandbox.codec
    sandbox.gradients sandbox.learnerside sandbox.asgi sandbox.files
    sandbox.worker
    sandbox.confine
    sandbox.zygote
    sandbox.isolation
    sandbox.launch
    sandbox.handles
    sandbox.ending sandbox.callbacks
    sandbox.link
    sandbox.learner sandbox.proof
    sandbox.transport
    bench
    suite
    shortcuts explain
    diagnosis
    trial
    session
    examples judge
    grading
    asking
    remote
    place
    report
    report.look report.live
    report.tally
    report.terminal
    report.paper
    report.summary
    report.overview
    console handson options
    doctor
    author
    author.change author.findings author.beside author.replay
    author.calls
    author.mutations
    author.mutants author.imitations author.variations author.wording
    author.hearing author.tolerance
    author.trials author.survivors
    author.gate
    author.ledger author.committed author.render
    author.main
    cli_author cli_models
    instructor instructor.lateness instructor.roster
    instructor.term instructor.example
    instructor.attempts instructor.grades
    instructor.grading instructor.grading.suites
    instructor.handout instructor.handout.toml instructor.handout.texts instructor.handout.packing
    instructor.handout.manifest instructor.handout.readme
    instructor.handout.handout instructor.handout.leaks
    instructor.handout.choice
    instructor.handout.release
    instructor.intake instructor.intake.entries
    instructor.intake.unpacking instructor.intake.folders instructor.intake.identity instructor.intake.gradescope
    instructor.intake.repositories instructor.intake.finding
    instructor.intake.origins
    instructor.intake.exported
    instructor.intake.recognition
    instructor.intake.collect
    instructor.grading.judging instructor.grading.judges
    instructor.grading.database
    instructor.grading.rows instructor.grading.found
    instructor.grading.gradebook
    instructor.grading.batch
    instructor.grading.local instructor.grading.cluster instructor.grading.regrade
    instructor.pages instructor.pages.withheld instructor.pages.plots instructor.pages.similarity
    report.pages instructor.pages.class_report
    instructor.pages.class_page instructor.pages.feedback
    instructor.pages.survey
    instructor.nbgrader instructor.nbgrader.marks instructor.nbgrader.outputs
    instructor.nbgrader.course
    instructor.nbgrader.preprocessor
    instructor.platforms instructor.platforms.export instructor.platforms.matching instructor.platforms.installing
    instructor.platforms.lms instructor.platforms.container
    instructor.platforms.autograder instructor.platforms.classroom
    service service.connection service.quota service.store
    service.jobs service.tokens service.seats
    service.keeping
    service.desk
    service.panel
    service.app
    service.server
    cli_grade cli_nbgrader cli_collect
    cli_export cli_feedback cli_release cli_serve
    cli_check cli_class
    cli
    __main__
"""
ORDER = {name: row for row, line in enumerate(LAYERS.strip().splitlines()) for name in line.split()}
# The untrusted half runs where nothing else of the grader exists.
UNTRUSTED = "wire values encoder decoder codec channel learnerside gradients asgi files worker confine zygote".split()
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "manager", "base", "core"}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__") or "grader"
        yield name, path, ast.parse(path.read_text("utf-8"))


MODULES = list(modules())
FUNCTIONS = [
    (f"{name}.{node.name}", node)
    for name, _, tree in MODULES
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
]


def imports(tree):
    """The grader's own modules that a module imports when it is imported or run (not for types alone)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom):
                    inner.module = None
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "grader":
            path = node.module.removeprefix("grader").removeprefix(".")
            for alias in node.names:
                full = f"{path}.{alias.name}".removeprefix(".")
                yield full if full in ORDER else path or "grader"


def test_every_module_has_its_place():
    """A new module is put into the order on purpose; one that is gone leaves it."""
    assert {name for name, _, _ in MODULES} == set(ORDER)


@pytest.mark.parametrize(("name", "tree"), [(name, tree) for name, _, tree in MODULES])
def test_arrows_run_downward(name, tree):
    """Each module imports only modules that stand before it."""
    upward = {target for target in imports(tree) if ORDER[target] >= ORDER[name]}

    assert upward == set()


@pytest.mark.parametrize("name", UNTRUSTED)
def test_the_untrusted_half_stands_alone(name):
    """What runs in the worker imports nothing of the grader but its own half, and no third-party package but two."""
    tree = ast.parse((PACKAGE / "sandbox" / f"{name}.py").read_text("utf-8"))
    foreign = {target for target in imports(tree) if target.removeprefix("sandbox.") not in (*UNTRUSTED, "sandbox")}
    packages = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }

    assert foreign == set()
    assert packages.isdisjoint({"pytest", "scipy", "torch", "rich", "typer"})


def test_functions_stay_short():
    """No function is longer than forty lines; half of them have fewer than ten."""
    lengths = {name: node.end_lineno - node.lineno + 1 for name, node in FUNCTIONS}

    assert {name: length for name, length in lengths.items() if length > 40} == {}
    assert statistics.median(lengths.values()) < 10


def test_functions_take_few_parameters():
    """At most five, `self` and what can only be given by name not counted (typer's commands declare options so)."""
    counts = {
        name: len([arg for arg in node.args.posonlyargs + node.args.args if arg.arg not in ("self", "cls", "worker")])
        for name, node in FUNCTIONS
        if not name.startswith("cli")
    }

    assert {name: count for name, count in counts.items() if count > 5} == {}


def test_files_stay_readable():
    """About 250 lines at the most."""
    assert {name: n for name, path, _ in MODULES if (n := len(path.read_text("utf-8").splitlines())) > 270} == {}


def test_names_say_something():
    """No module is a drawer for what had no place."""
    assert {name for name, _, _ in MODULES if name.rpartition(".")[2] in EMPTY_NAMES} == set()


def test_every_module_says_what_it_is_for():
    """Every module that holds something begins with a docstring."""
    assert [name for name, _, tree in MODULES if tree.body and not ast.get_docstring(tree)] == []
