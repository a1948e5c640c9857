"""The class's service: the same verdicts as on one's own machine, each once, whatever happens to either side."""

import json
import shutil
import signal
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
import typer
from typer.testing import CliRunner

from grader.asking import Line
from grader.cli_serve import token
from grader.course import Course, select
from grader.errors import GraderError
from grader.grading import Options, grade
from grader.instructor import attempts
from grader.instructor.grading.gradebook import Gradebook
from grader.instructor.term import Term
from grader.progress import Progress
from grader.remote import Server, check
from grader.report import terminal
from grader.report.look import Look
from grader.results import Status
from grader.sandbox import isolation
from grader.service import keeping, tokens
from grader.service.desk import Desk, Refusal, Rules
from grader.service.jobs import Jobs, Request
from grader.service.quota import LONGEST, Bucket, Buckets, Rate
from grader.service.store import Store
from grader.workspace import Workspace
from tests.grader.served import (
    ADD,
    MEAN,
    TINY,
    Class,
    body,
    change_suite,
    changed_course,
    first,
    handout,
    passed,
    running,
    verdict,
    waited,
)  # fmt: skip

pytestmark = pytest.mark.skipif(bool(isolation.missing_for_strict()), reason="no strict level here")
SLOW = "    while a:\n        pass\n"
SMALL = '@pytest.mark.exercise("add")\ndef test_small'
PRINTS = "    print('adding', a, b)\n    return a - b\n"
HW1 = '\n[assignments.hw1]\nexercises = ["ch01"]\ndue = 2026-03-01T12:00:00\nseed = 3\n'


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("service") / "class") as served:
        yield served


@pytest.fixture
def learner(tmp_path):
    """A workspace without suites, checked by a service as one of its students."""

    def checked(served, *bodies, student="ann", names=(), on_wait=lambda says: None):
        checked.workspace = handout(tmp_path, *bodies)
        selection = select(checked.workspace.course, names)
        server = Server.of(checked.workspace, served.url, served.tokens[student])
        report, checked.notes = check(checked.workspace, selection, server, on_wait=on_wait)
        return report

    return checked


# --- a learner's check ---

BODIES = [(PRINTS, MEAN), (ADD,), (), ("    return nothing(\n",), ("    raise OSError('x')\n",)]


@pytest.mark.parametrize(
    "bodies", [(PRINTS, MEAN), (ADD,), (), ("    return nothing(\n",), ("    raise OSError('x')\n",)]
)
def test_it_reads_as_if_the_suites_were_here(service, learner, tmp_path, bodies):
    """What a learner without suites is shown is, to the letter, what grading with them on this machine shows."""
    report = learner(service, *bodies)
    course = Course.load(TINY)
    with service.store() as store:
        seed = Desk(store, course.sections, Rules(Rate(1, 1), 1, 1)).seed("ann", "ch01/first")
    local = grade(course, Workspace(learner.workspace.root, course), select(course, []), Options("strict", seed))
    here = terminal.render(terminal.View(local, course, Look()))
    there = terminal.render(terminal.View(report, learner.workspace.course, Look()))

    assert there == here
    assert "checks" in there or "points" in there
    assert not report.public_only


def test_what_was_found_is_remembered(service, learner):
    """Progress holds the verdicts; the seed of checks on the learner's own machine stays its own."""
    learner(service, ADD)
    progress = Progress.open(learner.workspace)
    add, mean = learner.workspace.course.exercises

    assert (progress.get(add).status, progress.get(add).points) == (Status.PASSED, 2.0)
    assert progress.get(mean).status is Status.TODO
    assert progress.get(add).passed_at
    assert progress.get(add).seed is None


def test_one_exercise(service, learner):
    """Only what was asked for comes back."""
    report = learner(service, ADD, names=["add"])

    assert [each.id for each in report.exercises] == ["ch01/first/add"]


def test_a_missing_file_is_not_written(service, learner):
    """As on one's own machine."""
    learner(service, ADD)
    section = learner.workspace.course.sections[0]
    learner.workspace.path(section).unlink()
    server = Server.of(learner.workspace, service.url, service.tokens["ann"])
    report, _ = check(learner.workspace, select(learner.workspace.course, []), server)

    assert {each.status for each in report.exercises} == {Status.TODO}
    assert report.max_points == 5


def test_another_version_of_the_course_is_said(service, learner):
    """The stubs of service and learner are compared."""
    learner(service, ADD)
    assert learner.notes == ()
    kept = learner.workspace.private / "stubs/ch01_tiny/first.py"
    kept.chmod(0o644)
    kept.write_text(kept.read_text() + "# newer\n")
    server = Server.of(learner.workspace, service.url, service.tokens["ann"])
    _, notes = check(learner.workspace, select(learner.workspace.course, []), server)

    assert notes == ("The service has another version of ch01/first: your file may not fit its checks.",)


def test_the_token_is_found(service, learner, monkeypatch):
    """Option, then environment, then the workspace's own file, whose token goes to no other address."""
    learner(service, ADD)
    monkeypatch.delenv("GRADER_TOKEN", raising=False)
    noted = learner.workspace.private / "server.json"
    noted.write_text(json.dumps({"url": service.url + "/", "token": "noted"}))

    assert Server.of(learner.workspace, service.url).token == "noted"
    with pytest.raises(GraderError, match="needs your token"):
        Server.of(learner.workspace, "https://elsewhere.example")
    monkeypatch.setenv("GRADER_TOKEN", "environment")
    assert Server.of(learner.workspace, service.url).token == "environment"
    assert Server.of(learner.workspace, service.url, "option").token == "option"
    assert "option" not in repr(Server.of(learner.workspace, service.url, "option"))


@pytest.mark.parametrize(
    "url", ["http://grader.example", "ftp://x", "grader.example", "https://u:p@x", "http://10.0.0.1:8765"]
)
def test_a_token_is_not_shown_to_whoever_listens(service, learner, url):
    """Plain http only to this machine, unless somebody insists."""
    learner(service, ADD)
    with pytest.raises(GraderError):
        Server.of(learner.workspace, url, "secret")
    assert Server.of(learner.workspace, "http://10.0.0.1:8765", "secret", insecure=True).token == "secret"


def test_no_service(learner, service, monkeypatch):
    """A wrong address is said soon, not after ten minutes."""
    learner(service, ADD)
    monkeypatch.setattr("grader.asking.AT_FIRST", 0.1)
    with pytest.raises(GraderError, match="does not answer"):
        check(learner.workspace, select(learner.workspace.course, []), Server("http://127.0.0.1:9", "x"))


def test_a_wrong_token_is_said(service, learner):
    """In the service's own words."""
    learner(service, ADD)
    server = Server(service.url, "0123456789ab.wrong")
    with pytest.raises(GraderError, match="not valid") as caught:
        check(learner.workspace, select(learner.workspace.course, []), server)

    assert "instructor" in caught.value.hint


# --- one request, one job ---


def test_the_same_text_is_not_graded_twice(service):
    """The second time it is known, at once; for another student it is graded with another seed."""
    source = first(ADD, MEAN + "    # once\n")
    with service.client("bob") as bob, service.client("cat") as cat:
        one = verdict(bob, source)
        again = bob.post("/v1/checks", json=body(source))
        other = verdict(cat, source)
    graded = service.rows("SELECT count(*) FROM audit WHERE student = 'bob' AND what = 'verdict'")

    assert again.status_code == 200
    assert again.json()["report"] == one["report"]
    assert graded == [(1,)]
    assert one["report"]["seed"] != other["report"]["seed"]
    assert passed(other) == passed(one) == {"add": "passed", "mean": "passed"}


def test_the_same_request_again_is_the_same_job(service):
    """A key belongs to one student and one request."""
    asked = body(first(ADD, "    return 7 * x\n"))
    with service.client("ann") as ann, service.client("bob") as bob:
        one, again, other = (client.post("/v1/checks", json=asked).json() for client in (ann, ann, bob))
        changed = ann.post("/v1/checks", json={**asked, "exercises": ["ch01/first/add"]})
        waited(ann, one)
        waited(bob, other)

    assert one["id"] == again["id"] != other["id"]
    assert changed.status_code == 409


def test_everything_is_in_the_audit_log(service):
    """Who, what, how large, from where and what came of it; lines can neither be changed nor taken away."""
    source = first("    return b + a\n")
    with service.client("dan") as dan:
        verdict(dan, source)
    columns = "student, what, section, bytes, says, address"
    _, checked, judged = service.rows(f"SELECT {columns} FROM audit WHERE student = 'dan' ORDER BY seq")

    assert checked == ("dan", "check", "ch01/first", len(source), "", "127.0.0.1")
    assert judged == ("dan", "verdict", "ch01/first", 0, "1 of 2 passed, 2 of 5 points", "")
    with service.store() as store:
        for change in ("DELETE FROM audit", "UPDATE audit SET student = 'eve'"):
            with pytest.raises(GraderError, match="append-only"):
                store.run(change)


def test_a_source_is_not_kept(service):
    """Once it is graded, nobody needs it."""
    with service.client() as ann:
        verdict(ann, first("    return a + b  # gone\n"))

    assert service.rows("SELECT count(*) FROM job WHERE state = 'done' AND source IS NOT NULL") == [(0,)]


def test_one_service_for_a_class(service):
    """Two would take each other's jobs."""
    second = Class.__new__(Class)
    second.root = service.root
    second.start()

    assert second.ended() == 2
    assert "Another `grader serve-class` works on" in service.said()


# --- the end and the beginning ---


@pytest.fixture
def slow_course(tmp_path):
    """An endless loop ends soon there."""
    mark = '@pytest.mark.exercise("add")'
    return changed_course(tmp_path / "slow", mark, f"@__import__('grader.checks').checks.limits(seconds=1.5)\n{mark}")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_client_sees_of_a_restart_only_the_time(tmp_path, slow_course, learner, how):
    """The service ends while a check is running, and begins again: the learner's check goes on to its verdict."""
    served = Class(tmp_path / "class", slow_course).start()
    port, found = served.port, {}

    def check_it():
        found["report"] = learner(served, SLOW, MEAN)

    thread = threading.Thread(target=check_it, daemon=True)
    thread.start()
    while served.rows("SELECT state FROM job") != [("running",)]:
        assert thread.is_alive()
    code = served.end(how)
    state_then = served.rows("SELECT state FROM job")
    served.start(port=port)
    thread.join(60)
    served.end()

    assert (code, state_then) == ((-9, [("running",)]) if how == signal.SIGKILL else (0, [("done",)]))
    assert [str(each.status) for each in found["report"].exercises] == ["broken", "passed"]
    assert served.rows("SELECT tries FROM job") == [(2 if how == signal.SIGKILL else 1,)]


def test_an_orderly_end(tmp_path, slow_course):
    """After SIGTERM: what runs is finished, new work is told when to come back, the queue is taken up again later."""
    with (
        running(tmp_path / "class", course=slow_course) as served,
        served.client() as ann,
        served.client("bob") as bob,
    ):
        slow = ann.post("/v1/checks", json=body(first(SLOW))).json()
        while slow["state"] == "queued":
            slow = ann.get(f"/v1/checks/{slow['id']}").json()
        waiting = bob.post("/v1/checks", json=body(first(ADD))).json()
        served.process.send_signal(signal.SIGTERM)
        while (health := bob.get("/v1/health").json()["state"]) != "closing":
            assert health == "ok"
        refused = bob.post("/v1/checks", json=body(first(MEAN)))
        assert waiting["state"] == "queued"
        code = served.ended()
        assert sorted(served.rows("SELECT student, state FROM job")) == [("ann", "done"), ("bob", "queued")]
        served.start()
        with served.client("bob") as bob:
            assert passed(waited(bob, waiting))["add"] == "passed"

    assert code == 0
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0


def test_a_text_that_ends_judges_is_broken_and_nothing_else(tmp_path):
    """Two judges die of it; the next text is graded."""
    poison = "check_equal(result, 5)", "__import__('os')._exit(3) if result == 666 else check_equal(result, 5)"
    course = changed_course(tmp_path / "course", *poison)
    with running(tmp_path / "class", course=course) as served, served.client() as ann:
        broken = verdict(ann, first("    return 666\n"))
        fine = verdict(ann, first(ADD))

    assert passed(broken) == {"add": "broken", "mean": "broken"}
    assert "ended the grader twice" in broken["report"]["exercises"][0]["checks"][0]["message"]
    assert passed(fine)["add"] == "passed"
    assert served.said().count("ended a judge") == 2


def test_a_machine_that_cannot_judge_any_more(tmp_path):
    """The queue stays, health says so, and it goes on by itself once that is mended."""
    course, tools = changed_course(tmp_path / "course", "result, 5", "result, 6"), tmp_path / "bin"
    tools.mkdir()
    (tools / "bwrap").symlink_to(shutil.which("bwrap"))
    again = "import grader.service.panel as p; p.AGAIN = 0.1"
    with running(tmp_path / "class", course=course, before=again, PATH=str(tools)) as served, served.client() as ann:
        (tools / "bwrap").rename(tools / "gone")
        change_suite(course, "result, 6", "result, 5")  # so that another judge has to start
        job = ann.post("/v1/checks", json=body(first(ADD))).json()
        while (health := ann.get("/v1/health").json()["state"]) != "cannot judge":
            assert health == "ok"
            assert served.rows("SELECT state FROM job")[0][0] != "done"
        (tools / "gone").rename(tools / "bwrap")
        assert passed(waited(ann, job))["add"] == "passed"
        assert ann.get("/v1/health").json()["state"] == "ok"

    assert "`strict` needs bubblewrap" in served.said()


def test_a_changed_suite_counts_at_once(tmp_path):
    """Mended while the service runs, it judges the next check, also of a text that was judged before."""
    course = changed_course(tmp_path / "course", "check_equal(result, 5)", "check_equal(result, 6)")
    with running(tmp_path / "class", course=course) as served, served.client() as ann:
        before = verdict(ann, first(ADD))
        change_suite(course, "check_equal(result, 6)", "check_equal(result, 5)")
        after = verdict(ann, first(ADD))

    assert (passed(before)["add"], passed(after)["add"]) == ("failed", "passed")


def test_fixed_data_is_not_given_away(tmp_path):
    """What the code printed in a check on fixed data stays on the server; in others it is shown."""
    mark = (
        '@pytest.mark.exercise("add")\ndef test_small',
        '@pytest.mark.fixed_data\n@pytest.mark.exercise("add")\ndef test_small',
    )
    course = changed_course(tmp_path / "course", *mark)
    with running(tmp_path / "class", course=course) as served, served.client() as ann:
        small, order = verdict(ann, first(PRINTS))["report"]["exercises"][0]["checks"]

    assert small["printed"] == ""
    assert "not shown" in small["message"]
    assert order["printed"].startswith("adding")


def test_no_strict_no_service(tmp_path):
    """It does not start with less."""
    served = Class(tmp_path / "class").start(PATH="")

    assert served.ended() == 2
    assert "`strict` needs bubblewrap" in served.said()


def test_tls(tmp_path, learner, monkeypatch):
    """A certificate that nobody vouches for is refused; one that is known is used."""
    certificate, key = _certificate(tmp_path)
    options = ["--certfile", str(certificate), "--keyfile", str(key)]
    with running(tmp_path / "class", *options) as served:
        assert served.url.startswith("https://127.0.0.1:")
        with (
            pytest.raises(GraderError, match="cannot prove that it is what it says"),
            Line(served.url, "x", print) as line,
        ):
            line.ask("GET", "/v1/course")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert learner(served, ADD, MEAN).all_passed


def _certificate(folder):
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "me")])
    moment = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(moment - timedelta(days=1)).not_valid_after(moment + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    text = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(text)
    return folder / "cert.pem", folder / "key.pem"


# --- turns and allowances ---


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


def _add(jobs, student, number):
    request = Request(f"{student}-{number}", "ch01/first", ("ch01/first/add",), b"")
    return jobs.add(student, request, seed=1, result="r", done=False, keep="no")


def test_turns_are_fair(store):
    """Who brings five files waits five rounds; who comes later with one waits for one round."""
    jobs = Jobs(store)
    for number in range(5):
        _add(jobs, "greedy", number)
    jobs.claim()
    late = [_add(jobs, student, 0) for student in ("late", "later")]
    places = [jobs.position(job) for job in late]
    order = [jobs.claim().student for _ in range(6)]

    assert places == [2, 3]
    assert order == ["greedy", "late", "later", "greedy", "greedy", "greedy"]


def test_turns_stay_fair_for_who_comes_one_by_one(store):
    """Somebody with a long queue and somebody who always brings one more take turns."""
    jobs = Jobs(store)
    for number in range(4):
        _add(jobs, "greedy", number)
    order = []
    for number in range(6):
        _add(jobs, "steady", number)
        order.append(jobs.claim().student)

    assert sorted(order[:4]) == sorted(order[2:6]) == ["greedy", "greedy", "steady", "steady"]


def test_a_restart_keeps_the_place(store):
    """A job that was running is the next one, and it is counted that it was tried."""
    jobs = Jobs(store)
    one = _add(jobs, "ann", 0)
    _add(jobs, "bob", 0)
    jobs.claim()
    jobs.put_back()
    again = jobs.claim()

    assert again.id == one.id
    assert again.tries == 2


def test_a_bucket_fills_with_time():
    """So many at once, then one every so many seconds."""
    rate, bucket = Rate(3, 10.0), Bucket.full(Rate(3, 10.0), 0.0)
    waits = []
    for moment in (0.0, 0.0, 0.0, 1.0, 10.0, 20.0, 100.0, 100.0, 100.0):
        bucket, wait = bucket.take(rate, moment)
        waits.append(wait)

    assert waits[:3] == [0, 0, 0]
    assert waits[3] == pytest.approx(9.0)
    assert waits[4:] == [0, 0, 0, 0, 0]


def test_who_does_not_wait_waits_longer():
    """Each refusal doubles the wait, up to a bound; who waits as told is served."""
    rate, bucket = Rate(1, 10.0), Bucket.full(Rate(1, 10.0), 0.0)
    bucket, _ = bucket.take(rate, 0.0)
    waits = []
    for _ in range(8):
        bucket, wait = bucket.take(rate, 0.0)
        waits.append(wait)
    early, _ = bucket.take(rate, LONGEST - 1)
    _, patient = bucket.take(rate, LONGEST + 1)

    assert waits == [10, 20, 40, 80, 160, LONGEST, LONGEST, LONGEST]
    assert early.refusals == 9
    assert patient == 0


def test_buckets_are_bounded():
    """A million addresses take the memory of ten thousand."""
    buckets = Buckets(Rate(1, 1.0))
    for number in range(10_500):
        buckets.take(str(number), 0.0)

    assert len(buckets._buckets) == 10_000


def test_checks_are_counted_and_what_costs_nothing_is_not(tmp_path):
    """Beyond the burst: 429 and a wait that grows, also after a restart; a known text and an empty one are free."""
    with running(tmp_path / "class", "--burst", "2", "--every", "100") as served:
        with served.client() as ann:
            for number in range(2):
                verdict(ann, first(f"    return a + b + 0 * {number}\n"))
            known = first("    return a + b + 0 * 1\n")
            free = [ann.post("/v1/checks", json=body(source)).status_code for source in (known, None)]
            waits = [int(_more(ann, number).headers["Retry-After"]) for number in range(2)]
        served.end(signal.SIGKILL)
        served.start("--burst", "2", "--every", "100")
        with served.client() as ann, served.client("bob") as bob:
            after = _more(ann, 3)
            other = bob.post("/v1/checks", json=body(first(ADD)))

    assert free == [200, 200]
    assert 90 <= waits[0] <= 100 < waits[1] <= 200
    assert after.status_code == 429
    assert int(after.headers["Retry-After"]) > waits[1]
    assert after.json()["problem"] == "You have used up your checks for now."
    assert other.status_code == 202


def _more(client, number):
    return client.post("/v1/checks", json=body(first(f"    return a + b + 1 * {number}\n")))


def test_the_client_waits_as_it_is_told(tmp_path, learner):
    """A 429 is no error for the learner: the client says how long, waits, and gets the verdict."""
    with running(tmp_path / "class", "--burst", "1", "--every", "0.5") as served:
        with served.client() as ann:
            verdict(ann, first(MEAN))
        said = []
        report = learner(served, ADD, MEAN, on_wait=said.append)

    assert report.all_passed
    assert any("used up your checks" in says for says in said)


def test_few_may_wait_at_once(store):
    """More of one student's jobs are not queued, whatever their allowance is."""
    desk = Desk(store, Course.load(TINY).sections, Rules(Rate(99, 1.0), 2, 1))
    taken = [desk.accept("ann", _request(number), "") for number in range(2)]
    with pytest.raises(Refusal) as caught:
        desk.accept("ann", _request(3), "")

    assert len({job.id for job in taken}) == 2
    assert (caught.value.status, caught.value.problem) == (429, "2 of your checks are waiting already.")
    assert desk.accept("ann", _request(0), "").id == taken[0].id  # the same request again is no more
    assert desk.accept("bob", _request(3), "").student == "bob"


def _request(number):
    return Request(f"key-{number}-0123456789", "ch01/first", ("ch01/first/add",), first(f"    return {number}\n"))


def test_whoever_asks_too_often(store):
    """Requests of every kind are counted, far beyond what a patient client sends."""
    desk = Desk(store, Course.load(TINY).sections, Rules(Rate(99, 1.0), 2, 1))
    with pytest.raises(Refusal, match="too often") as caught:
        for _ in range(200):
            desk.admit("ann")
    desk.admit("bob")

    assert caught.value.status == 429


# --- tokens ---


def _token(*arguments):
    app = typer.Typer()
    app.command()(token)
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_tokens_for_a_class(tmp_path):
    """Everybody once, into a file of one's own; a second call makes only what is missing."""
    served, out = Class(tmp_path / "class"), tmp_path / "tokens.csv"
    _token("--revoke", "ann", "bob", "--class", served.root)
    made = _token("--all", "--class", served.root, "--out", out)
    again = _token("--all", "--class", served.root, "--out", tmp_path / "more.csv")
    lines = out.read_text().splitlines()

    assert made.exit_code == again.exit_code == 0
    assert [line.partition(",")[0] for line in lines] == ["student", "ann", "bob"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert (tmp_path / "more.csv").read_text() == "student,token\n"
    with served.store() as store:
        assert tokens.holder(store, lines[1].partition(",")[2]) == "ann"
        assert tokens.holder(store, served.tokens["cat"]) == "cat"
    assert stat.S_IMODE((served.root / "service.db").stat().st_mode) == 0o600


def test_a_token_file_is_not_written_over(tmp_path):
    """And then no token is changed either."""
    served, out = Class(tmp_path / "class"), tmp_path / "tokens.csv"
    out.write_text("mine\n")
    result = _token("ann", "--class", served.root, "--out", out)

    assert result.exit_code == 2
    assert out.read_text() == "mine\n"
    with served.store() as store:
        assert tokens.holder(store, served.tokens["ann"]) == "ann"


def test_a_new_token_ends_the_old_one(store):
    """And a token is nobody's but its student's; only its hash is kept."""
    old, other = tokens.issue(store, "ann"), tokens.issue(store, "bob")
    new = tokens.issue(store, "ann")
    half = new.partition(".")[0] + "." + other.partition(".")[2]
    kept = store.path.read_bytes() + store.path.with_name("service.db-wal").read_bytes()

    assert [tokens.holder(store, each) for each in (new, other)] == ["ann", "bob"]
    assert [tokens.holder(store, each) for each in (old, half, "", ".", "x")] == [None] * 5
    assert not any(each.partition(".")[2].encode() in kept for each in (old, new, other))


def test_a_misspelt_student_gets_none(tmp_path):
    """A token that belongs to nobody would be found out at the due date."""
    result = _token("anne", "--class", Class(tmp_path / "class").root)

    assert result.exit_code == 2


def test_revoked_at_once(tmp_path):
    """Also for a service that runs."""
    with running(tmp_path / "class") as served, served.client() as ann:
        before = ann.get("/v1/course").status_code
        _token("ann", "--revoke", "--class", served.root)
        after = ann.get("/v1/course")

    assert (before, after.status_code) == (200, 401)
    assert after.headers["WWW-Authenticate"] == "Bearer"


# --- attempts ---


def test_checks_become_attempts_where_it_is_asked_for(tmp_path):
    """What was checked is an attempt as it was sent; what the class's own seed makes of it, `grader grade` says."""
    source = first(ADD, MEAN)
    with (
        running(tmp_path / "class", "--record", "hw1", more=HW1.replace("2026", "2999")) as served,
        served.client() as ann,
    ):
        standing = verdict(ann, source)
        again = verdict(ann, source)
        verdict(ann, None)
    found = attempts.attempts(term := Term.load(served.root), term.assignment("hw1"))

    assert standing["note"] == again["note"] == "Kept as your latest attempt for hw1."
    assert [attempts.read(path).files for path in found["ann"]] == [{"ch01_tiny/first.py": source}]
    assert served.rows("SELECT count(*) FROM job WHERE source IS NOT NULL") == [(0,)]


def test_without_asking_nothing_is_kept(service):
    """A check is practice."""
    with service.client() as ann:
        assert verdict(ann, first(ADD))["note"] == ""

    assert not (service.root / "attempts").exists()


DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def keeper(tmp_path):
    """Checks of a course with two sections, kept at the times given: → what the learner is told."""
    course = changed_course(tmp_path / "course", "check_equal(result, 5)", "check_equal(result, 5)")
    for path in [*course.glob("*/*/first.*"), *course.glob("*/*/*/test_first.py")]:
        path.with_name(path.name.replace("first", "second")).write_text(path.read_text().replace('"1.1"', '"1.2"'))
    served = Class(tmp_path / "class", course, HW1)

    def keep(minutes, source, section="ch01/first", id=None, policy="last"):
        toml = served.root / "class.toml"
        toml.write_text(toml.read_text().replace('attempt = "last"', f'attempt = "{policy}"'))
        keep.term = Term.load(served.root)
        keep.count += 1
        with served.store() as store:
            job = _add(Jobs(store), "ann", f"{keep.count}{id}")
        from dataclasses import replace

        job = replace(job, id=id or job.id, section=section, received=DUE + timedelta(minutes=minutes))
        return keeping.Keeping(keep.term, keep.term.assignment("hw1")).keep(job, source)

    def kept():
        found = attempts.attempts(keep.term, keep.term.assignment("hw1")).get("ann", [])
        return [{path.partition("/")[2]: text for path, text in attempts.read(each).files.items()} for each in found]

    keep.count, keep.kept = 0, kept
    return keep


def test_an_attempt_holds_the_latest_of_every_section(keeper):
    """In the order in which they came, also within one second."""
    for source, section in ((b"1", "ch01/first"), (b"2", "ch01/second"), (b"3", "ch01/first")):
        keeper(-60, source, section)

    assert keeper.kept() == [
        {"first.py": b"1"}, {"first.py": b"1", "second.py": b"2"}, {"first.py": b"3", "second.py": b"2"}
    ]  # fmt: skip


def test_kept_once(keeper):
    """A kill after an attempt was written and before that was noted: the second try keeps nothing more."""
    for _ in range(2):
        keeper(-60, b"1", id="a")
    keeper(-30, b"2", id="b")
    keeper(-60, b"1", id="a")
    keeper(-20, b"2", id="c")

    assert keeper.kept() == [{"first.py": b"1"}, {"first.py": b"2"}]


def test_practising_later_harms_nothing(keeper):
    """After the due date and its grace, a check does not take the place of what was on time."""
    on_time, in_grace, late = keeper(-60, b"1"), keeper(5, b"2"), keeper(60, b"3")

    assert on_time == in_grace == "Kept as your latest attempt for hw1."
    assert late == "Only practice: hw1 was due, and what you handed in on time stands."
    assert keeper.kept() == [{"first.py": b"1"}, {"first.py": b"2"}]


def test_late_is_better_than_nothing(keeper):
    """Who handed in nothing on time can still hand in late; so can everybody where the best attempt counts."""
    keeper(60, b"1")
    keeper(90, b"2")
    assert keeper.kept() == [{"first.py": b"1"}, {"first.py": b"2"}]


def test_late_where_the_best_attempt_counts(keeper):
    """There it can only help."""
    keeper(-60, b"1", policy="best")
    keeper(60, b"2", policy="best")

    assert keeper.kept() == [{"first.py": b"1"}, {"first.py": b"2"}]


def test_an_extension_counts(keeper):
    """On time is what is on time for this student."""
    keeper(-60, b"1")
    with Gradebook(keeper.term) as book:
        book.extend(keeper.term.assignment("hw1"), "ann", DUE + timedelta(days=1), "ill")
    keeper(60, b"2")

    assert keeper.kept()[-1] == {"first.py": b"2"}
