"""Many machines: a real scheduler and real workers in processes of their own, some of which are killed."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from grader.errors import GraderError
from grader.instructor.grading import cluster as clusters
from grader.instructor.grading.cluster import Cluster
from grader.sandbox import isolation
from tests.grader.test_grade import TINY, Classroom, empty_gradebook  # noqa: F401

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(bool(isolation.missing_for_strict()), reason="no strict level here")


@contextmanager
def process(*arguments, **environment):
    command = [sys.executable, "-m", "dask", *arguments]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={**os.environ, **environment}, **quiet) as started:
        try:
            yield started
        finally:
            started.kill()


@pytest.fixture
def cluster(tmp_path):
    """`cluster(n)` → the scheduler's address and n workers' processes."""
    with ExitStack() as stack:

        def start(count, **environment):
            options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show")
            scheduler = stack.enter_context(process("scheduler", *options))
            address = next(
                line.split("Scheduler at:")[1].strip() for line in scheduler.stderr if "Scheduler at:" in line
            )
            settings = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path))
            workers = [stack.enter_context(process("worker", address, *settings, **environment)) for _ in range(count)]
            return address, workers

        yield start


@pytest.fixture
def classroom(tmp_path, empty_gradebook):  # noqa: F811
    classroom = Classroom(tmp_path)
    shutil.copy(empty_gradebook, classroom.root / "gradebook.db")
    return classroom


def test_a_class_is_graded_on_workers_that_die(classroom, cluster):
    """One of two workers is killed while it works; every submission is graded once all the same."""
    address, workers = cluster(2)
    names = [f"s{number:02}" for number in range(12)]
    for number, name in enumerate(names):
        classroom.hand_in(name, f"{classroom.right if number % 2 else classroom.wrong}# {number}\n")
    seen = []

    def killing(court, tasks):
        for done in Cluster(address)(court, tasks):
            seen.append(done.task.key)
            if len(seen) == 3:
                workers[0].send_signal(signal.SIGKILL)
            yield done

    graded = classroom.grade(killing)

    assert workers[0].wait(10) == -signal.SIGKILL
    assert sorted(graded) == names
    assert len(seen) == len(set(seen)) == 12
    scores = classroom.scores()
    assert [scores[name] for name in names] == [3.0, 5.0] * 6
    assert classroom.grade(Cluster(address)) == []


def test_what_ends_every_worker_is_broken_and_the_batch_goes_on(classroom, cluster, monkeypatch):
    """After two workers no third is tried."""
    address, workers = cluster(3)
    for student in ("ada", "ben", "cy"):
        classroom.hand_in(student, classroom.right + ("# poison\n" if student == "ben" else f"# {student}\n"))

    def dying(court, task):  # travels to the workers by value
        import os
        import signal

        from grader.instructor.grading.cluster import judge

        if b"poison" in task.source:
            os.kill(os.getpid(), signal.SIGKILL)
        return judge(court, task)

    monkeypatch.setattr(clusters, "judge", dying)

    classroom.grade(Cluster(address))

    assert classroom.scores() == {"ada": 5.0, "ben": 0.0, "cy": 5.0}
    assert "ended the grader twice" in classroom.grades()["ben"].lines[0].result.checks[0].message
    assert sum(worker.poll() is not None for worker in workers) == 2


def test_a_worker_with_another_course_refuses(classroom, cluster, tmp_path):
    """Its results would be other results."""
    shutil.copytree(TINY, tmp_path / "other")
    suite = next((tmp_path / "other").rglob("test_first.py"))
    suite.write_text(suite.read_text().replace("check_equal(result, 5)", "check_equal(result, 6)"))
    address, _ = cluster(1, GRADER_COURSE=str(tmp_path / "other"))
    classroom.hand_in("ada", classroom.right)

    with pytest.raises(GraderError, match="is not the instructor's: ch01/first differs"):
        classroom.grade(Cluster(address))

    assert not classroom.grades()["ada"].graded


def test_a_scheduler_that_is_not_there(classroom):
    """Is said, with what to start."""
    classroom.hand_in("ada", classroom.right)

    with pytest.raises(GraderError, match="cannot be used") as told:
        classroom.grade(Cluster("tcp://127.0.0.1:9", patience=0.5))

    assert "dask scheduler" in told.value.hint
