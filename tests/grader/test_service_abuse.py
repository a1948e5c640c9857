"""The class's service under attack: refused in the same few words, at nobody else's cost, and nothing is lost."""

import json
import resource
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from grader.course import Course
from grader.files import LARGEST_TEXT
from grader.sandbox import isolation
from grader.service.app import BODY
from tests.grader.corpus import VICTIM, descendants, entries
from tests.grader.served import ADD, MEAN, body, first, passed, running, verdict, waited
from tests.grader.test_abuse import ABUSE, target, text_of

pytestmark = pytest.mark.skipif(bool(isolation.missing_for_strict()), reason="no strict level here")
SHORT = (  # limits that tests can wait for; what they do is the same
    "import grader.service.connection as c, grader.service.app as a, grader.service.panel as p; "
    "c.HEAD_SECONDS = c.LINGER_SECONDS = 0.5; c.REQUEST_SECONDS = 3.0; a.BODY_SECONDS = 1.0; c.CONNECTIONS = 40; "
    "p.AGAIN = 0.2; import grader.service.desk as d; d.REQUESTS = d.Rate(3000, 0.01)"
)
QUIET = 30.0  # seconds after which a socket that was not closed was forgotten


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    options = ["--burst", "10000", "--queued", "100"]
    with running(tmp_path_factory.mktemp("abuse") / "class", *options, before=SHORT) as served:
        yield served


@pytest.fixture(autouse=True)
def _still_well(service):
    """After every attack: the service answers, grades, and said nothing that it would have to be asked about."""
    yield
    with service.client("dan") as dan:
        assert passed(verdict(dan, first(ADD, MEAN + f"    # {time.time_ns()}\n"))) == {
            "add": "passed",
            "mean": "passed",
        }
    assert "Traceback" not in service.said()


@pytest.fixture
def raw(service):
    """Bytes sent as they are: → what comes back until the service closes the connection."""
    opened = []

    def send(*pieces):
        connection = socket.create_connection(("127.0.0.1", service.port), QUIET)
        opened.append(connection)
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        return connection

    yield send
    for connection in opened:
        connection.close()


def rest(connection):
    """Everything until the other side closes; raises TimeoutError where it does not."""
    found = b""
    with suppress(ConnectionError):
        while piece := connection.recv(1 << 16):
            found += piece
    return found


def head(service, *lines, student="ann", method="POST", path="/v1/checks"):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {service.tokens[student]}", *lines]
    return "\r\n".join([*lines, "", ""]).encode()


def refusal(answer):
    """The status and the content of a refusal, which has no other fields than it must."""
    content = json.loads(answer.content)
    assert set(content) == {"problem", "hint"}
    assert "Traceback" not in answer.text
    assert "/" + "grader" not in answer.text
    return answer.status_code, content["problem"]


# --- bodies ---


def test_a_huge_body(service):
    """Refused as soon as it is too large, also when its length is said."""
    with service.client() as ann:
        huge = b'{"source": "' + b"A" * (8 << 20) + b'"}'
        with suppress(Exception):  # the rest of it may find the connection closed
            answer = ann.post("/v1/checks", content=huge)
            assert refusal(answer)[0] == 413


def test_the_largest_file_that_is_taken(service):
    """One byte more is refused, in words."""
    text = first(ADD)
    largest = text + b"#" * (LARGEST_TEXT - len(text))
    with service.client() as ann:
        assert passed(verdict(ann, largest))["add"] == "passed"
        answer = ann.post("/v1/checks", json=body(largest + b"#"))
    assert refusal(answer) == (413, f"A file has at most {LARGEST_TEXT} bytes.")


def test_an_endless_body(service, raw):
    """Chunks without end are refused when they are too many, and the connection is closed."""
    connection = raw(head(service, "Transfer-Encoding: chunked"))
    chunk, sent = b"10000\r\n" + b" " * 0x10000 + b"\r\n", 0
    with suppress(ConnectionError):
        while sent < 200 * BODY:
            connection.sendall(chunk)
            sent += len(chunk)

    assert sent < 200 * BODY
    assert b" 413 " in rest(connection) + b" 413 "  # what was answered may be lost with the connection


@pytest.mark.parametrize("length", ["999999999999", "-1", "5, 6", "abc"])
def test_a_length_that_is_a_lie(service, raw, length):
    """Only what arrives counts; what does not arrive in time ends the connection."""
    answer = rest(raw(head(service, f"Content-Length: {length}"), b'{"a":'))

    assert answer.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 400 "))
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"problem", "hint"}


# --- slow clients, and many ---


def test_a_head_that_never_ends(service, raw):
    """Byte by byte is not quicker: the time is counted from the beginning."""
    connection = raw(b"POST /v1/checks HTTP/1.1\r\n")
    connection.settimeout(0.05)
    started = time.monotonic()
    with pytest.raises(ConnectionError):
        while time.monotonic() - started < QUIET:
            connection.sendall(b"X: y\r\n")
            with suppress(TimeoutError):
                if not connection.recv(1):
                    raise ConnectionResetError


def test_a_body_that_never_ends(service, raw):
    """A byte now and then does not keep a connection."""
    connection = raw(head(service, "Content-Length: 100000"))
    connection.settimeout(0.05)
    found, started = b"", time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() - started < QUIET:
            connection.sendall(b" ")
            with suppress(TimeoutError):
                if not (piece := connection.recv(1 << 16)):
                    break
                found += piece

    assert time.monotonic() - started < QUIET
    assert found.startswith(b"HTTP/1.1 408 ")


def test_nothing_is_said(service, raw):
    """A connection without a request is closed."""
    assert rest(raw()) == b""


def test_an_answer_that_is_not_read(service):
    """Who asks on and on and never reads is cut off; nobody waits for it."""
    with service.client("cat") as cat:
        long = verdict(cat, first("    print('long' * 10_000)\n    return 0\n"))
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(QUIET)
    connection.connect(("127.0.0.1", service.port))
    ask = head(service, method="GET", path=f"/v1/checks/{long['id']}", student="cat")
    with connection, pytest.raises(ConnectionError):
        for _ in range(1_000_000):
            connection.sendall(ask)


@pytest.mark.parametrize("size", [1 << 15, 1 << 20])
def test_a_huge_head(service, raw, size):
    """Heads are bounded as a whole."""
    answer = rest(raw(head(service, "Connection: close", "X: " + "y" * size)))

    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))


def test_many_headers(service):
    """And in number."""
    with service.client() as ann:
        answer = ann.get("/v1/course", headers=[(f"x-{number}", "y") for number in range(100)])

    assert refusal(answer) == (431, "A request has at most 64 headers and 16384 bytes of them.")


def test_many_connections(service):
    """One address gets most places and not all; those who are in are served, and the next is told to come later."""
    connections = [socket.create_connection(("127.0.0.1", service.port), QUIET) for _ in range(60)]
    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(rest, connections))
    turned_away = [answer for answer in answers if answer]

    assert 60 - 30 - 5 <= len(turned_away) <= 60 - 30 + 5
    assert all(answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 5" in answer for answer in turned_away)


# --- who one is ---


def test_a_storm_of_wrong_tokens(service):
    """Every one is refused, with a wait that grows; the right one passes all the same, and the log stays short."""
    waits = []
    with service.client() as wrong, service.client("bob") as bob:
        for number in range(60):
            answer = wrong.get("/v1/course", headers={"Authorization": f"Bearer 0123456789ab.{number}"})
            assert refusal(answer)[0] == 401
            waits.append(int(answer.headers.get("Retry-After", 0)))
            assert bob.get("/v1/health").status_code == 200
        assert bob.get("/v1/course").status_code == 200
    logged = service.rows("SELECT count(*) FROM audit WHERE what = 'wrong token'")[0][0]

    assert waits[:5] == [0] * 5
    assert waits == sorted(waits)
    assert waits[-1] == 300
    assert logged <= 12


@pytest.mark.parametrize(
    "sent", ["", "Bearer", "Basic YTpi", "Bearer \xff\xfe.x", "Bearer '; DROP TABLE token; --.x", "Bearer %00"]
)
def test_what_is_no_token(service, sent):
    """Whatever stands there."""
    with service.client() as client:
        answer = client.get("/v1/course", headers={"Authorization": sent.encode("latin-1")})

    assert refusal(answer)[0] == 401


def test_another_students_job(service):
    """It does not exist, whatever one knows of it; and a key that another used is one's own."""
    asked = body(first(ADD), key="a-key-of-ann-0123456789")
    with service.client() as ann, service.client("bob") as bob:
        job = ann.post("/v1/checks", json=asked).json()
        waited(ann, job)
        seen = bob.get(f"/v1/checks/{job['id']}")
        mine = bob.post("/v1/checks", json=asked).json()
        claimed = bob.post("/v1/checks", json={**asked, "student": "ann"})
        waited(bob, mine)

    assert refusal(seen) == (404, "You have no such check.")
    assert mine["id"] != job["id"]
    assert refusal(claimed)[0] == 422
    assert service.rows("SELECT student FROM job WHERE key = ? ORDER BY student", asked["key"]) == [("ann",), ("bob",)]


def test_a_replay(service):
    """A request that is sent a hundred times at once is one job."""
    asked = body(first(ADD, "    return 3 * x\n"))
    with service.client("bob") as bob, ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: bob.post("/v1/checks", json=asked), range(60)))
        waited(bob, answers[0].json())

    assert {answer.json()["id"] for answer in answers if answer.is_success} == {answers[0].json()["id"]}
    assert service.rows("SELECT count(*) FROM job WHERE key = ?", asked["key"]) == [(1,)]


# --- names, paths, and what is no request ---

TRICKS = [
    "../../etc/passwd", "ch01/../ch01/first", "ch01/first/", "/etc/passwd", "ch01\\first", "CH01/FIRST",
    "ch01/first\x00", "ch01/first/add\n", "ch01/ﬁrst", "\u202ech01/first", "%2e%2e%2f", "~", ".",
    "ch01/first; DROP TABLE job", "😀" * 50,
]  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
def test_names_are_looked_up(service, name):
    """What is no section or exercise of the course is not there, and is not shown as it was sent."""
    with service.client() as ann:
        section = ann.post("/v1/checks", json=body(first(ADD), section=name))
        exercise = ann.post("/v1/checks", json=body(first(ADD), exercises=["ch01/first/add", name]))

    for answer in (section, exercise):
        status, problem = refusal(answer)
        assert (status, problem.startswith("This service does not check `")) == (404, True)
        assert problem.isprintable()


PATHS = [
    "/v1/checks/../../etc/passwd", "/v1/checks/%2e%2e%2f%2e%2e%2fservice.db", "/v1/checks/..%00", "/v1/checks/%ff%fe",
    "/v1/checks/" + "x" * 5000, "/v1/checks/' OR 1=1 --", "/v1/checks/", "//v1/course", "/docs", "/openapi.json",
    "/redoc", "/service.db", "/", "/v1/checks/x?wait=1e999", "/v1/checks/x?wait=nan", "/v1/checks/x?wait=-1",
    "/v1/checks/x?wait=26",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_paths_lead_nowhere(service, raw, path):
    """Nothing of the file system, no documentation pages, no traces."""
    asked = head(service, "Connection: close", method="GET", path=path.replace(" ", "%20"))
    answer = rest(raw(asked))
    status = int(answer.split()[1])

    assert status in (404, 422)
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"problem", "hint"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods(service, method):
    """There are none."""
    with service.client() as ann:
        assert refusal(ann.request(method, "/v1/checks"))[0] == 405


RIGHT = body(b"x", key="k" * 20)
WRONG = {
    "empty": b"", "no JSON": b"{", "binary": bytes(range(256)), "a list": b"[]", "null": b"null", "NaN": b"NaN",
    "deep": b"[" * 200_000, "deep objects": b'{"a":' * 50_000, "deep in a field": b'{"section": ' + b"[" * 100_000,
    "huge number": json.dumps(RIGHT).replace('"x"', "x").encode()[:-1] + b', "n": ' + b"9" * 100_000 + b"}",
    "unknown field": json.dumps({**RIGHT, "student": "bob"}).encode(),
    "not UTF-8": json.dumps(RIGHT).encode().replace(b"first", b"\xff\xfe"),
    "surrogates": json.dumps({**RIGHT, "section": "\ud800"}).encode(),
    "no base64": json.dumps({**RIGHT, "source": "####"}).encode(),
    "half base64": json.dumps({**RIGHT, "source": "QUJ"}).encode(),
}  # fmt: skip
WRONG |= {
    f"{name} is {value!r}"[:40]: json.dumps({**RIGHT, name: value}).encode()
    for name, value in [
        ("key", "short"), ("key", "k" * 65), ("key", "../../../../etc/passwd"), ("key", 7), ("key", None),
        ("section", 7), ("section", ""), ("section", ["ch01/first"]), ("section", "x" * 300),
        ("exercises", []), ("exercises", "ch01/first/add"), ("exercises", [7]), ("exercises", ["x"] * 1000),
        ("exercises", {"a": 1}), ("source", 7), ("source", ["x"]), ("source", True),
    ]
}  # fmt: skip


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_what_is_no_request(service, content):
    """One answer for all of it."""
    with service.client("bob") as bob:
        answer = bob.post("/v1/checks", content=content)

    assert refusal(answer) == (422, "This is no request for a check.")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/one\r\n\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        b"SSH-2.0\r\n\r\n",
    ],
)
def test_what_is_no_http(raw, sent):
    """Closed, with one constant answer."""
    answer = rest(raw(sent))

    assert answer == b"" or (answer.startswith(b"HTTP/1.1 400 ") and b'"problem"' in answer)


# --- hostile submissions ---

CHEATS = [
    each for each in entries("cheats") if each.name in ("always_equal", "exit_zero", "stack_walk", "reads_the_disk")
]
MISBEHAVING = [
    each for each in ABUSE if each.name in ("segmentation_fault", "fork_bomb", "flood_of_output", "kills_itself")
]


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    with running(tmp_path_factory.mktemp("victim") / "class", "ch01/numpy_part", course=VICTIM) as served:
        yield served


def _judged(victim, section, source):
    ids = [each.id for each in section.exercises]
    with victim.client() as ann:
        return verdict(ann, source, section=section.id, exercises=ids)["report"]


def _section(entry):
    return next(each for each in Course.load(VICTIM).sections if each.module == entry.section)


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda each: each.name)
def test_cheats_earn_nothing(victim, cheat):
    """As anywhere else."""
    report = _judged(victim, _section(cheat), cheat.path.read_bytes())

    assert report["points"] == 0
    assert report["isolation"] == "strict"


@pytest.mark.parametrize("entry", MISBEHAVING, ids=lambda each: each.name)
def test_what_misbehaves_costs_itself(victim, entry):
    """Its exercise is broken, the others of the file and the next file keep their points, and nothing is left."""
    section = _section(entry)
    before = descendants(victim.process.pid)
    report = _judged(victim, section, text_of(entry, section))
    after = _judged(victim, section, section.solution.read_bytes())
    lost = {each["id"].rpartition("/")[2] for each in report["exercises"] if each["status"] != "passed"}

    assert lost <= {target(entry)}
    assert after["points"] == after["max_points"]
    assert len(descendants(victim.process.pid)) <= len(before)


# --- a disk that is full ---


def test_a_full_disk(tmp_path):
    """What cannot be kept is refused with a time to come back; what was taken is still there, and goes on later."""
    with running(tmp_path / "class", before=SHORT) as served, served.client() as ann:
        kept = verdict(ann, first(ADD))
        _fill(served)
        refused = ann.post("/v1/checks", json=body(first(MEAN) + b"#" * 100_000, key="again-0123456789abcdef"))
        known = ann.get(f"/v1/checks/{kept['id']}")
        _fill(served, resource.RLIM_INFINITY)
        again = waited(ann, ann.post("/v1/checks", json=body(first(MEAN), key="again-0123456789abcdef")).json())
        integrity = sqlite3.connect(served.root / "service.db").execute("PRAGMA integrity_check").fetchall()

    assert refusal(refused) == (503, "The service cannot write to its disk just now.")
    assert int(refused.headers["Retry-After"]) > 0
    assert known.json()["report"] == kept["report"]
    assert again["state"] == "done"
    assert integrity == [("ok",)]


def test_a_disk_that_fills_while_a_check_runs(tmp_path):
    """The verdict waits in memory until it can be written."""
    with running(tmp_path / "class", before=SHORT) as served, served.client() as ann:
        job = ann.post("/v1/checks", json=body(first("    return sum(range(30_000_000)) and a + b\n"))).json()
        while (job := ann.get(f"/v1/checks/{job['id']}").json())["state"] == "queued":
            pass
        _fill(served)
        assert job["state"] == "running"
        deadline = time.monotonic() + QUIET
        while "cannot be used" not in served.said():
            assert ann.get("/v1/health").is_success
            assert time.monotonic() < deadline
        _fill(served, resource.RLIM_INFINITY)
        assert passed(waited(ann, job))["add"] == "passed"


def _fill(served, size=None):
    """No file of the service's process may grow beyond this; what it says on standard error still can."""
    size = size or max(path.stat().st_size for path in served.root.glob("service.db*"))
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
