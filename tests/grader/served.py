"""A class with its service, run as it is run by an instructor: a process of its own, on a port that is free."""

import base64
import os
import secrets
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx

from grader.course import Course
from grader.instructor.term import create
from grader.service import tokens
from grader.service.store import Store
from grader.workspace import init

TINY = Path(__file__).parent / "tiny"
SERVE = "import typer; from grader.cli_serve import serve_class; {}; typer.run(serve_class)"
ADD, MEAN = "    return a + b\n", "    return x.sum(-1) / x.shape[-1]\n"
STUB = "    raise NotImplementedError\n"
STUDENTS = "ann bob cat dan".split()


def first(*bodies):
    """The tiny course's file with these in the places of the stubs, in order."""
    text = (TINY / "exercises/ch01_tiny/first.py").read_text()
    for body in bodies:
        text = text.replace(STUB, body, 1)
    return text.encode()


class Class:
    """A class folder with tokens, and its service as often as it is started."""

    def __init__(self, folder, course=TINY, more=""):
        self.root = folder
        folder.mkdir(parents=True, exist_ok=True)
        create(folder, course, None)
        (folder / "class.toml").write_text((folder / "class.toml").read_text() + more)
        (folder / "students.csv").write_text("\n".join(["id", *STUDENTS]) + "\n")
        with Store(folder) as store:
            self.tokens = {student: tokens.issue(store, student) for student in STUDENTS}
        self.process, self.url = None, ""

    def start(self, *options, port=0, before="pass", **environment):
        """Starts the service and waits until it answers; `before` is Python that runs first in its process."""
        command = [sys.executable, "-c", SERVE.format(before), "--class", str(self.root), "--port", str(port), *options]
        self.errors = (self.root / "stderr.txt").open("ab")
        self.process = subprocess.Popen(
            [*command, "--judges", "1"], stdout=subprocess.PIPE, stderr=self.errors, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
        line = self.process.stdout.readline()
        if " at http" not in line:
            self.process.wait()
            return self
        self.url = line.partition(" at ")[2].partition(",")[0]
        return self

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])

    def end(self, how=signal.SIGTERM):
        """The exit code."""
        self.process.send_signal(how)
        return self.ended()

    def ended(self):
        """The exit code, once it has one."""
        self.process.communicate(timeout=60)
        self.errors.close()
        return self.process.returncode

    def client(self, student="ann"):
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.tokens[student]}"}, timeout=60)

    def store(self):
        return Store(self.root)

    def rows(self, sql, *values):
        with self.store() as store:
            return [tuple(row) for row in store.rows(sql, *values)]

    def said(self):
        return (self.root / "stderr.txt").read_text()


@contextmanager
def running(folder, *options, course=TINY, more="", before="pass", **environment):
    served = Class(folder, course, more).start(*options, before=before, **environment)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.end(signal.SIGKILL)


def body(source, key=None, section="ch01/first", exercises=("ch01/first/add", "ch01/first/mean")):
    text = None if source is None else base64.b64encode(source).decode()
    return {"key": key or secrets.token_urlsafe(16), "section": section, "exercises": list(exercises), "source": text}


def verdict(client, *arguments, **facts):
    """Hands in and waits: the last standing."""
    answer = client.post("/v1/checks", json=body(*arguments, **facts))
    assert answer.status_code in (200, 202), answer.text
    return waited(client, answer.json())


def waited(client, standing):
    for _ in range(4):
        if standing["state"] == "done":
            break
        answer = client.get(f"/v1/checks/{standing['id']}?wait=25")
        assert answer.status_code == 200, answer.text
        standing = answer.json()
    assert standing["state"] == "done"
    return standing


def passed(standing):
    return {each["id"].rpartition("/")[2]: each["status"] for each in standing["report"]["exercises"]}


def handout(folder, *bodies):
    """A learner's workspace whose course is what was handed out: no suites, no solutions."""
    shutil.copytree(TINY / "exercises", folder / "course/exercises")
    course = Course.load(folder / "course")
    made = init(course, folder / "work").workspace
    made.path(course.sections[0]).write_bytes(first(*bodies))
    return made


def changed_course(folder, old, new):
    """The tiny course with another hidden suite."""
    shutil.copytree(TINY, folder)
    change_suite(folder, old, new)
    return folder


def change_suite(folder, old, new):
    suite = folder / "tests/chapters/ch01_tiny/test_first.py"
    text = suite.read_text()
    assert old in text
    suite.write_text(text.replace(old, new))
