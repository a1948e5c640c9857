"""Grading a class: what is graded, written, kept, moved; and what a kill at any moment leaves."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nbgrader.api import Gradebook as PlainGradebook
from sqlalchemy import text

from grader.course import select
from grader.errors import GraderError
from grader.instructor import attempts
from grader.instructor import term as terms
from grader.instructor.attempts import Attempt
from grader.instructor.grading.batch import Batch, Done
from grader.instructor.grading.database import Database
from grader.instructor.grading.gradebook import Gradebook
from grader.instructor.grading.judges import Court, JudgeDied, JudgeProcess, Task, poisoned
from grader.instructor.grading.local import Local
from grader.instructor.grading.regrade import regrade
from grader.instructor.lateness import DAY, Lateness
from grader.instructor.term import Assignment, Term
from grader.sandbox import isolation

TINY = Path(__file__).parent / "tiny"
DUE = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
pytestmark = pytest.mark.skipif(bool(isolation.missing_for_strict()), reason="no strict level here")


class Classroom:
    """A term on the tiny course, and how to hand in, grade and look."""

    def __init__(self, root, course=TINY, scheduler=None):
        (root / "students.csv").write_text("id,first_name,last_name\nada,Ada,Young\nben,Ben,Old\ncy,Cy,Old\n")
        self.root = root / "term"
        self.scheduler = scheduler or Local(1)
        terms.create(self.root, course, root / "students.csv")
        terms.add_assignment(self.term, Assignment("hw1", ("ch01",), DUE, 7))
        self.section = self.term.course.sections[0]
        self.right = self.section.solution.read_text()
        self.wrong = self.right.replace("return a + b", "return a - b")

    @property
    def term(self):
        return Term.load(self.root)

    @property
    def assignment(self):
        return self.term.assignment("hw1")

    @property
    def suite(self):
        return self.section.suite

    def set(self, old, new):
        path = self.root / "class.toml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def hand_in(self, student, source, days_late=0.0):
        received = DUE + timedelta(days=days_late) if days_late else DUE - timedelta(hours=1)
        files = {self.section.path: source.encode()}
        attempts.keep(self.term, Attempt(student, "hw1", received, files))

    def grade(self, scheduler=None):
        """The students that were graded now."""
        now = []
        with Gradebook.open(self.term) as book:
            book.register(self.assignment)
            book.follow_rules(self.assignment)
            batch = Batch(book, self.assignment, lambda v: (book.commit(self.assignment, v), now.append(v.student)))
            batch.run(batch.pending(), scheduler or self.scheduler)
        return now

    def grades(self):
        with Gradebook.open(self.term) as book:
            return {each.student.id: each for each in book.grades(self.assignment)}

    def scores(self):
        return {id: each.score for id, each in self.grades().items()}

    def exercise(self, name):
        return next(iter(select(self.term.course, [name]).values()))[0]


@pytest.fixture(scope="session")
def warm():
    """A scheduler whose judge on the tiny course stays warm from test to test."""
    with JudgeProcess(Court(TINY, ("ch01/first",))) as judge:
        yield lambda court, tasks: (Done(task, *judge.grade_timed(task)) for task in tasks)


@pytest.fixture(scope="session")
def empty_gradebook(tmp_path_factory):
    """Making nbgrader's tables takes it a second; copying them does not."""
    path = tmp_path_factory.mktemp("empty") / "gradebook.db"
    Database(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def classroom(tmp_path, warm, empty_gradebook):
    classroom = Classroom(tmp_path, scheduler=warm)
    shutil.copy(empty_gradebook, classroom.root / "gradebook.db")
    return classroom


@pytest.fixture
def own_course(tmp_path, empty_gradebook):
    """A classroom whose course can be changed."""
    shutil.copytree(TINY, tmp_path / "course")
    classroom = Classroom(tmp_path, tmp_path / "course")
    shutil.copy(empty_gradebook, classroom.root / "gradebook.db")
    return classroom


def never(court, tasks):
    """A scheduler that may not be asked to judge anything."""
    for task in tasks:
        raise AssertionError(f"{task.section} is judged again")
    yield from ()


def cli(classroom, *arguments, **options):
    command = [sys.executable, "-m", "grader", *arguments, "--class", str(classroom.root)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)


def test_a_class_is_graded_once(classroom):
    """Everybody gets what the checks give; nothing new means nothing to do."""
    classroom.hand_in("ada", classroom.right)
    classroom.hand_in("ben", classroom.wrong)

    assert sorted(classroom.grade()) == ["ada", "ben"]
    assert classroom.scores() == {"ada": 5.0, "ben": 3.0, "cy": 0.0}
    assert classroom.grade(never) == []


def test_a_new_attempt_is_graded_and_counts(classroom):
    """The last attempt counts, for better or worse."""
    classroom.hand_in("ada", classroom.right)
    classroom.grade()
    classroom.hand_in("ada", classroom.wrong, days_late=0.001)

    assert classroom.grade() == ["ada"]
    assert classroom.scores()["ada"] == 3.0


def test_the_best_attempt_counts_where_the_class_says_so(classroom):
    """The best after what is taken off for lateness."""
    classroom.set('attempt = "last"', 'attempt = "best"')
    classroom.hand_in("ada", classroom.wrong)
    classroom.hand_in("ada", classroom.right, days_late=1.5)
    classroom.hand_in("ben", classroom.right)
    classroom.hand_in("ben", classroom.wrong, days_late=0.001)

    classroom.grade()

    grades = classroom.grades()
    assert (grades["ada"].score, grades["ada"].penalty) == (4.0, 1.0)  # two days begun: 20 % of 5
    assert grades["ben"].score == 5.0


def test_equal_files_are_judged_once(classroom):
    """Three students with the same text cost one judgement."""
    judged = []

    def counting(court, tasks):
        for done in classroom.scheduler(court, tasks):
            judged.append(done.task.key)
            yield done

    for student in ("ada", "ben", "cy"):
        classroom.hand_in(student, classroom.wrong)

    assert len(classroom.grade(counting)) == 3
    assert len(judged) == 1
    assert set(classroom.scores().values()) == {3.0}


def test_nothing_written_needs_no_judge(classroom):
    """A file of stubs, or none, is graded without starting anything."""
    from grader.stubs import pristine

    classroom.hand_in("ada", pristine(classroom.section))
    attempts.keep(classroom.term, Attempt("ben", "hw1", DUE, {}))

    assert len(classroom.grade(never)) == 2
    assert {str(line.result.status) for line in classroom.grades()["ada"].lines} == {"todo"}


def test_nbgrader_sees_the_same(classroom):
    """The unmodified API gives the scores, the maximum, the penalty and the roster that ours gives."""
    classroom.hand_in("ada", classroom.right, days_late=1.5)
    classroom.grade()

    with PlainGradebook(classroom.term.database) as plain:
        submission = plain.find_submission("hw1", "ada")
        assert (submission.score, submission.late_submission_penalty, submission.max_score) == (5.0, 1.0, 5.0)
        assert submission.total_seconds_late == pytest.approx(1.5 * DAY)
        assert [student.id for student in plain.students] == ["ben", "cy", "ada"]
        row = next(each for each in plain.submission_dicts("hw1") if each["student"] == "ada")
        assert (row["score"], row["needs_manual_grade"]) == (5.0, False)


def test_what_a_person_gave_in_formgrader_stands(classroom):
    """A manual score replaces ours in every total, also after a new attempt, which asks to look again."""
    classroom.hand_in("ada", classroom.wrong)
    classroom.grade()
    with PlainGradebook(classroom.term.database) as plain:
        notebook = plain.find_submission("hw1", "ada").notebooks[0]
        grade = next(each for each in notebook.grades if each.auto_score == 0)
        grade.manual_score = 1.5
        plain.db.commit()

    assert classroom.scores()["ada"] == 4.5
    classroom.hand_in("ada", classroom.right, days_late=0.001)
    classroom.grade()
    assert classroom.scores()["ada"] == 4.5
    with PlainGradebook(classroom.term.database) as plain:
        assert plain.find_submission("hw1", "ada").needs_manual_grade


@pytest.mark.parametrize(
    ("days", "penalty"), [(0, 0.0), (10 / 1440, 0.0), (11 / 1440, 0.5), (1, 0.5), (1.01, 1.0), (3, 1.5), (3.01, 5.0)]
)
def test_lateness(days, penalty):
    """Grace is forgiven, each day begun costs a tenth, after the last day nothing is earned."""
    assert Lateness(10, 0.1, 3).penalty(5.0, days * DAY) == pytest.approx(penalty)


def test_an_extension_takes_the_penalty_back(classroom):
    """Before or after grading, here and for nbgrader; the log has the reason."""
    classroom.hand_in("ada", classroom.right, days_late=1.5)
    classroom.grade()
    with Gradebook.open(classroom.term) as book:
        book.extend(classroom.assignment, "ada", DUE + timedelta(days=1), "was ill")
        entry = book.history(student="ada")[-1]

    assert classroom.scores()["ada"] == 4.5  # half a day late by the new date
    assert entry.what == "extended"
    assert "was ill" in entry.details
    with PlainGradebook(classroom.term.database) as plain:
        assert plain.find_submission("hw1", "ada").late_submission_penalty == 0.5


def test_a_changed_rule_moves_penalties_and_is_logged(classroom):
    """An edit of the due date in class.toml reaches what was graded already."""
    classroom.hand_in("ada", classroom.right, days_late=1.5)
    classroom.grade()
    classroom.set("per_day = 0.1", "per_day = 0.5")

    classroom.grade(never)

    assert classroom.scores()["ada"] == 0.0
    with PlainGradebook(classroom.term.database) as plain:
        assert plain.find_submission("hw1", "ada").late_submission_penalty == 5.0
    with Gradebook.open(classroom.term) as book:
        assert [each.what for each in book.history()] == ["rules", "graded", "rules"]


def test_an_adjustment_has_a_reason_and_survives_regrading(classroom):
    """Points are added to an exercise; a new verdict does not take them away."""
    classroom.hand_in("ada", classroom.wrong)
    classroom.grade()
    with Gradebook.open(classroom.term) as book:
        assert book.adjust(classroom.assignment, "ada", classroom.exercise("add"), 0.5, "idea was right") == 0.5
        assert book.adjust(classroom.assignment, "ada", classroom.exercise("add"), 0.25, "and tidy") == 0.75
    classroom.hand_in("ada", classroom.wrong + "\n", days_late=0.001)
    classroom.grade()

    grade = classroom.grades()["ada"]
    assert grade.score == 3.75
    assert any("idea was right" in note for note in grade.notes)


@pytest.mark.parametrize("beyond", ["0.0", "0.5"])
def test_ours_is_what_nbgrader_shows(own_course, beyond):
    """Extras, adjustments of extras, manual scores and lateness: one score, in both."""
    toml = next(own_course.term.course_root.rglob("solutions/**/first.toml"))
    toml.write_text(toml.read_text().replace('kind = "core"\ndifficulty = 2', 'kind = "extra"\ndifficulty = 2'))
    own_course.set("beyond = 0.0", f"beyond = {beyond}")
    own_course.hand_in("ada", own_course.right, days_late=0.5)
    own_course.grade()
    with Gradebook.open(own_course.term) as book:
        book.adjust(own_course.assignment, "ada", own_course.exercise("mean"), 1.0, "elegant")

    (grade,) = [each for each in own_course.grades().values() if each.graded]
    assert grade.score == pytest.approx(0.9 * (2 + 3 * float(beyond) + 1))
    with PlainGradebook(own_course.term.database) as plain:
        row = plain.find_submission("hw1", "ada")
        assert row.score - row.late_submission_penalty == pytest.approx(grade.score)
        assert row.max_score == grade.max_points == 2.0


def test_an_extension_can_make_another_attempt_the_best(classroom):
    """What is taken off decides which attempt counts, so that an extension asks again."""
    classroom.set('attempt = "last"', 'attempt = "best"')
    classroom.set("per_day = 0.1", "per_day = 0.5")
    classroom.hand_in("ada", classroom.wrong)
    classroom.hand_in("ada", classroom.right, days_late=0.5)
    classroom.grade()
    assert classroom.scores()["ada"] == 3.0

    with Gradebook.open(classroom.term) as book:
        book.extend(classroom.assignment, "ada", DUE + timedelta(days=1), "was ill")

    assert classroom.grade(never) == ["ada"]
    assert classroom.scores()["ada"] == 5.0


def test_an_adjustment_needs_a_grade(classroom):
    """Who handed in nothing cannot be adjusted."""
    classroom.grade()
    with Gradebook.open(classroom.term) as book, pytest.raises(GraderError, match="Nothing of cy was graded"):
        book.adjust(classroom.assignment, "cy", classroom.exercise("add"), 1, "why not")


@pytest.mark.parametrize("verb", ["UPDATE class_log SET who = 'nobody'", "DELETE FROM class_log"])
def test_the_log_is_append_only(classroom, verb):
    """Also for whoever opens the database itself."""
    classroom.hand_in("ada", classroom.right)
    classroom.grade()
    with Gradebook.open(classroom.term) as book:
        before = book.history()
        with pytest.raises(GraderError, match="append-only"), book.database.transaction() as session:
            session.execute(text(verb))
        assert book.history() == before


def test_a_changed_suite_changes_nothing_until_it_is_asked_for(own_course):
    """`grade` leaves it, `regrade` shows whose points move and why; only `commit` writes."""
    own_course.hand_in("ada", own_course.right)
    own_course.hand_in("ben", own_course.wrong)
    own_course.grade()
    suite = own_course.suite.read_text()
    own_course.suite.write_text(suite.replace("check_equal(result, 5)", "check_equal(result, -1)"))

    assert own_course.grade(never) == []
    with Gradebook.open(own_course.term) as book:
        moves = {each.verdict.student: each for each in regrade(book, own_course.assignment, Local(1))}

        assert (moves["ada"].before, moves["ada"].after) == (5.0, 4.0)
        assert moves["ada"].why == ("ch01/first/add 2 → 1: passed before, failed now: Two and three make five.",)
        assert moves["ben"].why == ("ch01/first/add 0 → 1: failed before, passed now: Two and three make five.",)
        assert {id: each.score for id, each in own_course.grades().items()} == {"ada": 5.0, "ben": 3.0, "cy": 0.0}
        for move in moves.values():
            book.commit(own_course.assignment, move.verdict, "regraded", " | ".join(move.why))
        assert regrade(book, own_course.assignment, never) == []

    assert own_course.scores() == {"ada": 4.0, "ben": 4.0, "cy": 0.0}


def test_a_regrade_touches_only_what_the_change_touches(own_course):
    """A second section whose suite did not change is not judged again."""
    course = own_course.term.course_root
    for kind, name in (("solutions", "first.py"), ("solutions", "first.toml"), ("tests/chapters", "test_first.py")):
        folder = course / kind / "ch01_tiny"
        content = (folder / name).read_text().replace('number = "1.1"', 'number = "1.2"')
        (folder / name.replace("first", "second")).write_text(content)
    files = {section.path: own_course.right.encode() for section in own_course.term.course.sections}
    attempts.keep(own_course.term, Attempt("ada", "hw1", DUE, files))
    own_course.grade()
    own_course.suite.write_text(own_course.suite.read_text() + "\n# a comment is a change too\n")
    judged = []

    def counting(court, tasks):
        for done in Local(1)(court, tasks):
            judged.append(done.task.section)
            yield done

    with Gradebook.open(own_course.term) as book:
        moves = regrade(book, own_course.assignment, counting)

    assert judged == ["ch01/first"]
    assert [move.why for move in moves] == [()]


def test_the_seed_is_the_assignments(classroom):
    """Every result records it, so that it can be replayed."""
    classroom.hand_in("ada", classroom.right)
    classroom.grade()

    assert {line.result.seed for line in classroom.grades()["ada"].lines} == {7}


KILLING = """
import os, sys, signal
from grader.instructor.grading.gradebook import Gradebook
from grader.instructor.grading.batch import Batch
from grader.instructor.grading.local import Local
from grader.instructor.term import Term
term = Term.load(__import__("pathlib").Path(sys.argv[1]))
left = int(sys.argv[2])
with Gradebook.open(term) as book:
    assignment = term.assignment("hw1")
    book.register(assignment)
    def take(verdict):
        global left
        book.commit(assignment, verdict)
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
    batch = Batch(book, assignment, take)
    batch.run(batch.pending(), Local(1))
"""


def test_a_kill_loses_at_most_what_is_in_flight(classroom):
    """What was written before SIGKILL is there, once; the next call grades the rest."""
    names = [f"s{number:02}" for number in range(8)]
    for number, name in enumerate(names):
        classroom.hand_in(name, f"{classroom.right}# {number}\n")

    ended = subprocess.run([sys.executable, "-c", KILLING, str(classroom.root), "3"], stderr=subprocess.DEVNULL)

    assert ended.returncode == -signal.SIGKILL
    with Gradebook.open(classroom.term) as book:
        written = set(book.verdicts("hw1"))
    assert len(written) == 3
    assert set(classroom.grade()) == set(names) - written
    scores = classroom.scores()
    assert all(scores[name] == 5.0 for name in names)
    with PlainGradebook(classroom.term.database) as plain:
        assert len(plain.assignment_submissions("hw1")) == 8
        assert all(len(each.notebooks[0].grades) == 2 for each in plain.assignment_submissions("hw1"))


def test_no_judge_outlives_a_killed_batch(classroom):
    """The judge's process ends with the pipe that it reads."""
    classroom.hand_in("ada", classroom.right)
    code = KILLING.replace(
        "batch.run(batch.pending(), Local(1))",
        """
scheduler = Local(1)
def watched(court, tasks):
    for done in scheduler(court, tasks):
        print(scheduler._judges[0]._process.pid, flush=True)
        yield done
batch.run(batch.pending(), watched)""".replace("\n", "\n    "),
    )

    ended = subprocess.run([sys.executable, "-c", code, str(classroom.root), "1"], capture_output=True, text=True)

    pid = int(ended.stdout)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


# Judges that die


@pytest.fixture
def court(classroom):
    return Court(classroom.term.course_root, ("ch01/first",))


def task_of(classroom, source, key="k"):
    ids = tuple(each.id for each in classroom.section.exercises)
    return Task(key, classroom.section.id, source.encode(), ids, 7)


def test_a_judge_that_dies_is_replaced(classroom, court):
    """The task that it had is tried once more; the next one too is graded."""
    with JudgeProcess(court) as judge:
        judge.wait()
        os.kill(judge._process.pid, signal.SIGKILL)

        assert [each.points for each in judge.grade_surely(task_of(classroom, classroom.right))] == [2.0, 3.0]
        assert [each.points for each in judge.grade_surely(task_of(classroom, classroom.wrong))] == [0.0, 3.0]


def test_a_poisoned_submission_is_broken_and_the_batch_goes_on(classroom, court, monkeypatch):
    """A text that ends every judge gets no points and a sentence; others are graded as ever."""
    grade, tries = JudgeProcess.grade, []

    def dying(self, task):
        if b"poison" in task.source:
            tries.append(task)
            self.wait()
            os.kill(self._process.pid, signal.SIGKILL)
        return grade(self, task)

    monkeypatch.setattr(JudgeProcess, "grade", dying)
    classroom.hand_in("ada", classroom.right + "# poison\n")
    classroom.hand_in("ben", classroom.right)

    classroom.grade(Local(1))

    assert len(tries) == 2
    assert classroom.scores() == {"ada": 0.0, "ben": 5.0, "cy": 0.0}
    said = classroom.grades()["ada"].lines[0].result.checks[0]
    assert (str(said.status), "ended the grader twice" in said.message) == ("broken", True)


def test_a_judge_that_hangs_is_ended(classroom, court, monkeypatch):
    """No answer within the patience is a judge that died."""
    monkeypatch.setattr(Task, "patience", 0.0)
    with JudgeProcess(court) as judge:
        judge.wait()
        pid = judge._process.pid
        with pytest.raises(JudgeDied):
            judge.grade(task_of(classroom, classroom.right))
        assert not Path(f"/proc/{pid}").exists()


def test_a_suite_that_cannot_be_used_stops_the_batch(own_course):
    """Nobody gets points for what could not be judged: the instructor is told, and nothing is written."""
    own_course.suite.write_text(own_course.suite.read_text().replace('exercise("add")', 'exercise("ad")'))
    own_course.hand_in("ada", own_course.right)

    with pytest.raises(GraderError, match="unknown exercise"):
        own_course.grade()


# The command line


def test_the_commands_of_a_term(classroom):
    """grade, adjust, extend, log, as an instructor types them."""
    classroom.hand_in("ada", classroom.right, days_late=1.5)
    classroom.hand_in("ben", classroom.wrong)

    graded = cli(classroom, "grade", "hw1", "--jobs", "1")
    adjusted = cli(classroom, "adjust", "hw1", "ben", "add", "--points", "0.5", "--reason", "nearly")
    extended = cli(classroom, "extend", "hw1", "ada", "--until", "2026-11-25T12:00", "--reason", "illness")
    history = cli(classroom, "log", "hw1")

    assert graded.returncode == 0, graded.stderr
    assert "Graded now: 2. In the gradebook: 2 of 3 students." in graded.stdout
    assert "Nothing handed in: cy." in graded.stdout
    assert "+0.5" in adjusted.stdout
    assert "2026-11-25 12:00" in extended.stdout
    assert [word in history.stdout for word in ("graded", "adjusted", "nearly", "extended", "illness")] == [True] * 5
    assert classroom.scores() == {"ada": 5.0, "ben": 3.5, "cy": 0.0}


def test_a_regrade_asks_before_it_writes(own_course):
    """Without an answer nothing is written; with --yes it is."""
    own_course.hand_in("ada", own_course.right)
    own_course.grade()
    suite = own_course.suite.read_text()
    own_course.suite.write_text(suite.replace("check_equal(result, 5)", "check_equal(result, -1)"))

    asked = cli(own_course, "grade", "hw1", "--regrade", "--jobs", "1")
    assert own_course.scores()["ada"] == 5.0
    written = cli(own_course, "grade", "hw1", "--regrade", "--yes", "--jobs", "1")

    assert "ada: 5 → 4" in asked.stdout
    assert asked.returncode == 1
    assert "Written: 1 submission." in written.stdout
    assert own_course.scores()["ada"] == 4.0


def test_again_grades_one_student_anew(classroom):
    """Whatever is known about the text is forgotten first."""
    classroom.hand_in("ada", classroom.right)
    classroom.grade()
    with Gradebook.open(classroom.term) as book:
        (key,) = book.verdicts("hw1")["ada"].keys.values()
        book.results.forget([key])
        task = task_of(classroom, classroom.right, key)
        book.results.keep(key, task.section, poisoned(Court(classroom.term.course_root, (task.section,)), task), 0.0)

    graded = cli(classroom, "grade", "hw1", "--again", "ada", "--jobs", "1")

    assert graded.returncode == 0, graded.stderr
    assert classroom.scores()["ada"] == 5.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("grade", "hw2"), "There is no assignment `hw2`"),
        (("adjust", "hw1", "ada", "nothing", "--points", "1", "--reason", "x"), "Nothing in this course is called"),
        (("grade", "hw1", "--again", "cy"), "cy handed in nothing"),
    ],
)
def test_what_cannot_be_done_is_said(classroom, arguments, says):
    """Exit code 2, one sentence, nothing written."""
    classroom.hand_in("ada", classroom.right)

    ended = cli(classroom, *arguments)

    assert ended.returncode == 2
    assert says in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


def test_two_gradings_at_once_are_refused(classroom):
    """The second says that the first works."""
    from filelock import FileLock

    classroom.hand_in("ada", classroom.right)
    with FileLock(classroom.root / ".grading.lock"):
        ended = cli(classroom, "grade", "hw1")

    assert "Another `grader grade` works on this class." in ended.stderr


def test_a_gradebook_that_is_something_else(classroom):
    """A file that is no database is said with its place, without the password of a URL."""
    (classroom.root / "gradebook.db").write_text("not a database" * 100)
    with pytest.raises(GraderError, match="cannot be used"):
        Gradebook.open(classroom.term)
    classroom.set('"sqlite:///gradebook.db"', '"postgresql+psycopg://me:secret@127.0.0.1:9/x"')
    with pytest.raises(GraderError) as told:
        Gradebook.open(classroom.term)
    assert "secret" not in str(told.value)


# class.toml and students.csv


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('timezone = "UTC"', 'timezone = "Mars/Base"', "there is no time zone 'Mars/Base'"),
        ("per_day = 0.1", "per_day = 3", "a number from 0 to 1"),
        ("per_day", "per_hour", "unknown key `per_hour`"),
        ("seed = 7", "seed = -7", "`seed` must be"),
        ("due = 2026-11-20T23:59:00+00:00", 'due = "friday"', "a date and a time"),
        ('attempt = "last"', 'attempt = "first"', '"last" or "best"'),
        ('name = "', "name = ", "not valid TOML"),
    ],
)
def test_slips_in_class_toml_are_said_with_their_line(classroom, old, new, says):
    """File, line, what is wrong."""
    classroom.set(old, new)

    with pytest.raises(GraderError, match=says.replace("`", ".")) as told:
        Term.load(classroom.root)

    assert "class.toml:" in told.value.problem


def test_a_due_date_without_zone_is_meant_in_the_class_s(classroom):
    """And kept in UTC."""
    classroom.set('timezone = "UTC"', 'timezone = "Europe/Berlin"')
    classroom.set("due = 2026-11-20T23:59:00+00:00", "due = 2026-11-20T23:59:00")

    assert classroom.assignment.due == datetime(2026, 11, 20, 22, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("roster", "says"),
    [
        ("name\nada\n", "has no column `id`"),
        ("id\nada\nada\n", "stands there twice"),
        ("id\n../ada\n", "cannot be used"),
        ("id\na/b\n", "cannot be used"),
        ("id\n\n=cmd\n", "cannot be used"),
    ],
)
def test_a_roster_that_cannot_be_used(tmp_path, roster, says):
    """Said with the line; no class is made from it."""
    (tmp_path / "r.csv").write_text(roster)

    with pytest.raises(GraderError, match=says):
        terms.create(tmp_path / "term", TINY, tmp_path / "r.csv")


def test_add_assignment_keeps_what_people_wrote(classroom):
    """Comments stay, the same again changes nothing, something else is refused."""
    before = (classroom.root / "class.toml").read_text()

    terms.add_assignment(classroom.term, Assignment("hw1", ("ch01",), DUE, 7))
    assert (classroom.root / "class.toml").read_text() == before
    terms.add_assignment(classroom.term, Assignment("hw2", ("add",), None, 8, ("ch01",), True))
    assert (classroom.root / "class.toml").read_text().startswith(before.rstrip())
    assert classroom.term.assignment("hw2") == Assignment("hw2", ("add",), None, 8, ("ch01",), True)
    with pytest.raises(GraderError, match="says something else"):
        terms.add_assignment(classroom.term, Assignment("hw2", ("add",), None, 9))


def test_done_holds_what_a_scheduler_gives(classroom, court):
    """Results cross between processes as JSON and are the same on the other side."""
    with JudgeProcess(court) as judge:
        task = task_of(classroom, classroom.wrong)
        done = Done(task, *judge.grade_timed(task))

    assert json.dumps([each.to_json() for each in done.results])
    assert done.seconds > 0
