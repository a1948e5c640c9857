"""What level `strict` keeps from the code that runs in it, tried from inside."""

import os
import site
import socket
import sys
import sysconfig
import threading
from pathlib import Path

import pytest

from grader.errors import GraderError
from grader.sandbox import isolation, launch
from grader.sandbox.handles import LearnerError
from grader.sandbox.learner import Learner
from grader.sandbox.link import Link
from tests.grader.corpus import HERE, VICTIM, descendants

pytestmark = pytest.mark.skipif(bool(isolation.missing_for_strict()), reason="no strict level here")

INSIDE = b'''
import ctypes, errno, glob, mmap, os, resource, signal, socket, struct, subprocess, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)


def evaluate(expression):
    return eval(expression)


def attempt(statement):
    """What an attempt comes to: its value, or the name of the error."""
    names = dict(globals())
    try:
        exec(statement, names)
    except OSError as error:
        return errno.errorcode.get(error.errno, "OSError")
    except BaseException as error:
        return type(error).__name__
    return names.get("result", "done")


def call(number, *args):
    """A raw system call: its result, or the name of the error."""
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if type(a) is int else a for a in args])
    return errno.errorcode[ctypes.get_errno()] if result < 0 else result


def capabilities():
    header, data = struct.pack("=Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    libc.capget(header, data)
    return list(struct.unpack("=6I", data.raw)), [libc.prctl(23, number, 0, 0, 0) for number in range(41)]


def start_a_child():
    try:
        child = os.fork()
    except OSError as error:
        return errno.errorcode[error.errno]
    if not child:
        os._exit(0)
    return "forked"
'''


@pytest.fixture(scope="module")
def shared(zygotes):
    """One worker for all the attempts that leave it as it is."""
    link = Link(zygotes("strict", ("numpy",)))
    link.limit(120)
    link.ask("load", "inside", INSIDE, "inside.py", [])
    yield Learner(link)
    link.end()


@pytest.fixture
def fresh(start_worker):
    """A worker of its own, for what may end it."""
    return Learner(start_worker("strict", ("numpy",), INSIDE))


SECRETS = [
    VICTIM / "tests/chapters/ch01_victim/test_numpy_part.py", VICTIM / "solutions/ch01_victim/numpy_part.py", HERE,
    HERE.parents[1], HERE.parents[1] / "grader/checks.py", HERE.parents[1] / "grader/judge.py", Path.home(), Path("/etc/passwd"),
    Path("/etc/hostname"), Path("/proc/1/cmdline"), Path("/proc/self/status"), Path("/proc/self/mem"), Path("/sys/kernel"),
    Path("/dev/mem"), Path("/dev/zero"), Path("/dev/urandom"), Path("/dev/shm"), Path("/dev/pts"), Path("/dev/tty"), Path("/tmp"),
    Path("/var/log"), Path(pytest.__file__), Path("/run"), Path("/boot"),
]  # fmt: skip


@pytest.mark.parametrize("path", SECRETS, ids=str)
def test_nothing_else_of_the_disk_can_be_read(shared, path):
    """Suites, solutions, the grader's own half, other packages, home, /etc, /proc, /sys and devices are out of reach."""
    reads = "result = os.listdir({0!r}) if os.path.isdir({0!r}) else open({0!r}, 'rb').read(1)"
    assert shared.attempt(reads.format(str(path))) in ("ENOENT", "EACCES", "ENOTDIR", "EPERM", "ENXIO", [])


def test_only_the_libraries_are_there(shared):
    """No folder that holds installed packages here is there, but the one that the allowed packages are bound into."""
    found = [
        shared.attempt(f"result = len(os.listdir({path!r}))")
        for path in sorted({*sys.path, *site.getsitepackages(), sys.prefix})
    ]

    assert {answer for answer in found if type(answer) is int and answer} == {
        shared.evaluate(f"len(os.listdir({folder!r}))")
        for folder in (sysconfig.get_path("stdlib"), sysconfig.get_path("stdlib") + "/lib-dynload")
    }
    assert (
        shared.evaluate(
            "sorted({p.split('.')[0].split('/')[-1] for p in glob.glob('/site/*')} & {'pytest', '_pytest', 'scipy', 'torch', 'tests', 'solutions'})"
        )
        == []
    )
    assert shared.evaluate("sorted(os.listdir('/site/grader'))") == ["__init__.py", "sandbox"]


@pytest.mark.parametrize(
    "name", ["scipy", "pytest", "_pytest", "torch", "grader.checks", "grader.judge", "tests", "pyseccomp"]
)
def test_no_other_package_can_be_imported(shared, name):
    """Not through the import hook, and not by searching the path without it."""
    assert shared.attempt(f"import {name}") == "ModuleNotFoundError"
    assert shared.attempt(
        f"import importlib.machinery as m; result = m.PathFinder.find_spec({name!r}) or 'absent'"
    ) in ("absent", "done")


NETWORK = {
    "TCP": "socket.create_connection(('127.0.0.1', {port}), 1)",
    "a TCP socket": "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "IPv6": "socket.socket(socket.AF_INET6, socket.SOCK_STREAM)",
    "a unix socket": "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect({unix!r})",
    "an abstract unix socket": "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect('\\0grader-test')",
    "raw packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "a pair that is turned outward": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', '\\0grader-test')",
    "a pair and a path": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', {unix!r})",
}


@pytest.mark.parametrize("way", NETWORK)
def test_there_is_no_network(shared, tmp_path, way):
    """No protocol, no address, also not towards a server that listens on this very machine."""
    with (
        socket.socket() as server,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract,
    ):
        server.bind(("127.0.0.1", 0))
        server.listen()
        unix.bind(str(tmp_path / "socket"))
        unix.listen()
        abstract.bind("\0grader-test")
        statement = NETWORK[way].format(port=server.getsockname()[1], unix=str(tmp_path / "socket"))

        assert shared.attempt(statement) in (
            "EPERM",
            "EACCES",
            "ENOENT",
            "ECONNREFUSED",
            "EISCONN",
            "EPROTOTYPE",
            "ENETUNREACH",
        )


PROCESSES = {
    "fork": "os.fork()",
    "vfork": "result = call(58)",
    "clone": "result = call(56, 17, 0, 0, 0, 0)",
    "clone3": "result = call(435, struct.pack('=8Q', 0, 0, 0, 0, 17, 0, 0, 0), 64)",
    "exec": "os.execv(sys.executable, [sys.executable, '-c', ''])",
    "execveat": "result = call(322, -100, b'/bin/sh', 0, 0, 0)",
    "posix_spawn": "os.posix_spawn(sys.executable, [sys.executable], {})",
    "subprocess": "subprocess.run([sys.executable, '-c', ''])",
    "system": "result = os.system('true') and 'EPERM'",
    "a pseudo terminal": "os.forkpty()",
    "multiprocessing": "import multiprocessing as m; m.get_context('fork').Process(target=print).start()",
}


@pytest.mark.parametrize("way", PROCESSES)
def test_no_process_can_be_made(shared, way):
    """Neither forked nor spawned nor replaced; threads are what is left."""
    assert shared.attempt(PROCESSES[way]) in ("EPERM", "ENOSYS", "EACCES")


CALLS = {
    "ptrace": (101, 16, 1, 0, 0), "process_vm_readv": (310, 1, 0, 0, 0, 0, 0), "mount": (165, b"none", b"/scratch", b"tmpfs", 0, 0),
    "umount": (166, b"/proc", 2), "unshare": (272, 0x10000000), "setns": (308, 3, 0), "memfd_create": (319, b"x", 0),
    "chroot": (161, b"/scratch"), "pivot_root": (155, b"/scratch", b"/scratch"), "bpf": (321, 0, 0, 0), "io_uring_setup": (425, 8, 0),
    "userfaultfd": (323, 0), "perf_event_open": (298, 0, 0, -1, -1, 0), "keyctl": (250, 0, 0), "open_by_handle_at": (304, 3, 0, 0),
    "name_to_handle_at": (303, -100, b"/scratch", 0, 0, 0), "init_module": (175, 0, 0, 0), "shmget": (29, 0, 4096, 0o1600),
    "mknod": (133, b"/scratch/device", 0o20666, 0x101), "personality": (135, 0x40000), "reboot": (169, 0, 0, 0),
    "open_tree": (428, -100, b"/", 1), "fsopen": (430, b"tmpfs", 0), "pidfd_getfd": (438, 3, 3, 0), "kcmp": (312, 1, 1, 0, 0, 0),
    "memfd_secret": (447, 0), "modify_ldt": (154, 0, 0, 0), "syslog": (103, 3, 0, 0),
}  # fmt: skip


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls as on x86-64")
@pytest.mark.parametrize("name", CALLS)
def test_rare_doors_of_the_kernel_are_shut(shared, name):
    """System calls that nobody needs to write an exercise are denied."""
    assert shared.attempt(f"result = call(*{CALLS[name]!r})") in ("EPERM", "ENOSYS")


def test_nobody_in_particular(shared):
    """Not root, no capability in any set, none to be had, and no way back."""
    sets, bounding = shared.capabilities()

    assert shared.evaluate("os.getuid() and os.geteuid() and os.getgid()")
    assert not any(sets) and 1 not in bounding
    assert shared.evaluate("libc.prctl(39, 0, 0, 0, 0)") == 1, "no new privileges"
    for statement in ("os.setuid(0)", "os.setgroups([0])", "os.setresuid(0, 0, 0)"):
        assert shared.attempt(statement) in ("EPERM", "EINVAL")


def test_limits_cannot_be_raised(shared):
    """Every limit is as hard as it is soft."""
    for name in ("AS", "DATA", "NPROC", "NOFILE", "FSIZE", "CORE"):
        soft, hard = shared.evaluate(f"resource.getrlimit(resource.RLIMIT_{name})")
        assert soft == hard and 0 <= hard < 2**50
        assert shared.attempt(f"resource.setrlimit(resource.RLIMIT_{name}, (2**50, 2**50))") in (
            "EPERM",
            "EINVAL",
            "ValueError",
        )


def test_the_parents_death_cannot_be_disarmed(shared):
    """`prctl` of the signal that follows a parent's death is denied."""
    assert shared.attempt("result = libc.prctl(1, 0, 0, 0, 0)") == -1


@pytest.mark.parametrize(
    "path",
    [
        "/x",
        "/site/x",
        "/tmp/x",
        "/dev/shm/x",
        "/dev/x",
        "/proc/x",
        "/etc/x",
        "/usr/x",
        "/scratch/../x",
        "/site/numpy/__init__.py",
    ],
)
def test_nothing_can_be_written_outside_scratch(shared, path):
    """Neither made nor changed nor removed nor renamed."""
    denied = ("EACCES", "EROFS", "ENOENT", "EPERM", "ENOSPC")
    for statement in ("open({0!r}, 'a')", "os.mkdir({0!r})", "os.unlink({0!r})", "os.rename('/scratch/own', {0!r})",
                      "os.symlink('/scratch', {0!r})", "os.chmod({0!r}, 0o777)", "os.truncate({0!r}, 0)"):  # fmt: skip
        assert shared.attempt("open('/scratch/own', 'w').close(); " + statement.format(path)) in (
            *denied,
            "EXDEV",
            "EEXIST",
        )


def test_links_lead_nowhere(shared):
    """A link to a secret is as unreadable as the secret, a hard link cannot be made, and /proc has no roots to follow."""
    secret = str(SECRETS[0])
    assert shared.attempt(f"os.symlink({secret!r}, 'link'); open('link').read()") in ("ENOENT", "EACCES")
    assert shared.attempt("os.symlink('/', 'all'); result = os.listdir('all/etc')") in (
        "ENOENT",
        "EACCES",
        ["ld.so.cache"],
    )
    assert shared.attempt("os.link('/site/msgpack/__init__.py', 'hard')") in ("EXDEV", "EPERM", "EACCES")
    with pytest.raises(LearnerError):
        shared.scratch.read("link")
    assert shared.attempt("result = os.listdir('/proc')") in ([], "EACCES")


def test_files_of_scratch_are_not_run(shared):
    """What is written there cannot be executed or mapped as a library."""
    copy = "import shutil; shutil.copy(glob.glob('/lib*/x86_64-linux-gnu/libm.so.6')[0], 'lib.so'); ctypes.CDLL('/scratch/lib.so')"
    assert shared.attempt(copy) in ("OSError", "EACCES", "EPERM", "IndexError")


def test_scratch_is_bounded(fresh):
    """Neither bytes nor files without end; what was there stays readable."""
    fill = "[open(f'f{n}', 'wb').write(bytes(1 << 20)) for n in range(100)]"
    assert fresh.attempt(fill) in ("ENOSPC", "EDQUOT")
    assert (
        fresh.attempt(
            "[os.unlink(path) for path in os.listdir('.')]; [open(f's{n}', 'w').close() for n in range(9999)]"
        )
        == "ENOSPC"
    )


def test_the_filter_holds_for_threads_and_other_ways_in(fresh):
    """A thread of its own is under the same filter."""
    statement = "out = []; t = threading.Thread(target=lambda: out.append(start_a_child())); t.start(); t.join(); result = out[0]"
    assert fresh.attempt(statement) == "EPERM"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="machine code of x86-64")
@pytest.mark.parametrize("code", [
    b"\xb8\x14\x00\x00\x00\xcd\x80\xc3",  # getpid of the 32-bit table, by interrupt
    b"\xb8\x39\x00\x00\x40\x0f\x05\xc3",  # fork of the x32 table
], ids=["32 bits", "x32"])  # fmt: skip
def test_no_other_table_of_system_calls(fresh, code):
    """The tables of other architectures, which the filter does not name, end the process or fail."""
    run = (
        "m = mmap.mmap(-1, 4096, prot=7); m.write({code!r}); "
        "result = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()"
    )
    from grader.sandbox.link import WorkerLost

    try:
        result = fresh.attempt(run.format(code=code))
    except WorkerLost:
        return
    assert type(result) is str or result < 0


def test_signals_reach_nobody(start_worker, zygotes):
    """kill(0), kill(-1), the parent, and every number nearby: this judge, its zygote and a sibling live on."""
    sibling = Learner(start_worker("strict", ("numpy",), INSIDE))
    shooter = Learner(start_worker("strict", ("numpy",), INSIDE))
    assert sibling.evaluate("1 + 1") == 2
    for target in (
        0,
        -1,
        *range(2, 40),
        os.getpid(),
        os.getppid(),
        *(int(name.split()[1]) for name in descendants(os.getpid())),
    ):
        for number in (9, 15, 19):
            if target != 1:
                assert shooter.attempt(f"result = os.kill({target}, {number}) or 'sent'") in ("ESRCH", "EPERM", "sent")

    assert sibling.evaluate("2 + 2") == 4
    assert Learner(start_worker("strict", ("numpy",), INSIDE)).evaluate("3 + 3") == 6


def test_siblings_do_not_see_each_other(start_worker):
    """Each has its own files, its own processes and its own shared memory."""
    first, second = (Learner(start_worker("strict", ("numpy",), INSIDE)) for _ in range(2))
    first.scratch.write("mine.txt", b"x")

    assert second.scratch.list() == []
    assert first.evaluate("os.getpid()") == second.evaluate("os.getpid()") == 1
    assert second.attempt("from multiprocessing import shared_memory as s; s.SharedMemory('x', True, 8)") in (
        "EACCES",
        "EPERM",
        "ENOSPC",
        "EROFS",
        "ImportError",
    )
    assert second.evaluate("os.environ.get('HOME')") == "/nonexistent"


def test_only_two_descriptors_are_inherited(fresh):
    """The connection and the way for a crash's stack; standard streams lead nowhere."""
    open_ones = fresh.evaluate("[n for n in range(128) if attempt(f'os.fstat({n})') == 'done']")

    assert open_ones[:3] == [0, 1, 2] and len(open_ones) == 5
    assert all(fresh.evaluate(f"__import__('stat').S_ISSOCK(os.fstat({number}).st_mode)") for number in open_ones[3:])


def test_memory_is_bounded(fresh):
    """Neither the heap nor shared mappings beyond what the check allows."""
    assert fresh.attempt("x = bytearray(3 << 30)") == "MemoryError"
    assert fresh.attempt("kept = [mmap.mmap(-1, 256 << 20) for _ in range(20)]") in ("ENOMEM", "MemoryError")


def test_the_environment_tells_nothing(shared):
    """No path of the course, no name of the user, nothing of the judge's environment crosses."""
    text = repr(shared.evaluate("dict(os.environ)")) + repr(shared.evaluate("sys.argv + sys.path"))

    assert str(HERE.parents[1]) not in text and "PYTEST" not in text


def test_it_is_refused_and_never_weakened(monkeypatch):
    """Without bubblewrap: an error with the line that installs it, and no process at all."""
    monkeypatch.setenv("PATH", "")
    before = threading.active_count(), descendants(os.getpid())

    with pytest.raises(GraderError) as caught:
        launch.start("strict", ("numpy",))
    assert "bubblewrap" in str(caught.value) and "apt-get install bubblewrap" in str(caught.value)
    assert (threading.active_count(), descendants(os.getpid())) == before


def test_the_model_cache_is_there_to_read(tmp_path, monkeypatch):
    """Downloaded models are bound read-only at /models, which GRADER_MODELS names inside."""
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    tmp_path.chmod(0o755)  # pytest's folders are their owner's alone, and a worker is nobody
    monkeypatch.setenv("GRADER_MODELS", str(tmp_path))
    zygote = launch.start("strict", ("numpy",))
    try:
        link = Link(zygote)
        link.limit(20)
        link.ask("load", "inside", INSIDE, "inside.py", [])
        learner = Learner(link)

        assert learner.evaluate("open(os.environ['GRADER_MODELS'] + '/tiny.gguf', 'rb').read()") == b"GGUF"
        assert learner.attempt("open('/models/tiny.gguf', 'ab')") in ("EACCES", "EROFS")
        assert learner.attempt("os.unlink('/models/tiny.gguf')") in ("EACCES", "EROFS")
        link.end()
    finally:
        zygote.close()
