"""Starting zygotes at an isolation level, from the judge's side: which files they see, which filter they get.

`process` runs anywhere. `strict` needs Linux with bubblewrap, Landlock and seccomp, and never silently weakens: what is
missing is named together with the command that installs it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement

from grader.errors import GraderError
from grader.sandbox import confine
from grader.sandbox.wire import Closed, Stream

LEVELS = ("process", "strict")
OWN_PACKAGES = ("msgpack",)  # what the worker's own half imports
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
OWN_MODULES = ("wire", "codec", "channel", "learnerside", "gradients", "asgi", "worker", "confine", "zygote")
OWN_FILES = ("__init__", "sandbox/__init__", *(f"sandbox/{name}" for name in OWN_MODULES))
BOOT = "import sys; sys.path[:0] = sys.argv[2:]; from grader.sandbox.zygote import main; main(sys.argv[1])"
MEMORY = 1 << 30  # bytes a worker may have beyond what its libraries take, unless a check says otherwise
PACKET = 1 << 16
# A denied call fails with "operation not permitted"; `clone3` says "not implemented", so that libc falls back to `clone`.
DENIED_CALLS = ["fork", "vfork", "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "mount", "umount2", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "pivot_root", "chroot", "unshare", "setns", "memfd_create", "memfd_secret", "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "socket", "shmget", "shmat", "msgget", "semget", "mq_open", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "name_to_handle_at", "open_by_handle_at", "mknod", "mknodat", "personality", "syslog", "fanotify_init", "nfsservctl", "lookup_dcookie", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "iopl", "ioperm", "modify_ldt", "vhangup", "sethostname", "setdomainname"]


class Forked(NamedTuple):
    """A worker's process: the connection to it, where it tells its stack when it crashes, its number."""

    connection: socket.socket
    stacks: socket.socket
    pid: int


class Zygote:
    """A running zygote, as a judge sees it. `process` is None for a judge that was only attached to it."""

    def __init__(self, control: socket.socket, process: subprocess.Popen[bytes] | None, level: str) -> None:
        self._control = control
        self._process = process
        self._ready = process is None
        self.level = level

    def fork(self, memory: int, scratch: int, folder: str) -> Forked:
        """A fresh worker, confined. Waits for the zygote's imports when it is the first."""
        connection, theirs = socket.socketpair()
        stacks, told = socket.socketpair()
        with theirs, told:
            limits = {"memory": memory, "scratch": scratch}
            pid: int = self._ask("fork", [theirs, told], limits=limits, folder=folder)["pid"]
        return Forked(connection, stacks, pid)

    def end(self, pid: int) -> int | None:
        """Kill a worker and all it started; the wait status of its own end, if it had ended by itself."""
        status: int | None = self._ask("end", pid=pid)["status"]
        return status

    def ask_for_stack(self, pid: int) -> None:
        self._ask("stack", pid=pid)

    def threads(self, pid: int) -> int:
        """How many threads a worker runs, as the kernel tells it."""
        count: int = self._ask("threads", pid=pid)["threads"]
        return count

    def attach(self) -> socket.socket:
        """A control socket for another judge."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._ask("attach", [theirs])
        return ours

    def _ask(self, command: str, sockets: Iterable[socket.socket] = (), **arguments: Any) -> dict[str, Any]:
        """Send one command, return its reply. Raises GraderError when the zygote is gone or could not do it."""
        try:
            self._wait_until_ready()
            packet = json.dumps({"do": command, "with": arguments}).encode()
            socket.send_fds(self._control, [packet], [sock.fileno() for sock in sockets])
            reply: dict[str, Any] = json.loads(self._control.recv(PACKET) or b"null")
        except (OSError, ValueError) as error:
            raise GraderError(f"the process that starts workers has ended ({error}).", "Run the command again.") from None
        if reply is None or "error" in reply:
            raise GraderError(f"a worker could not be started: {reply and reply['error']}", "Run `grader doctor`.")
        return reply

    def _wait_until_ready(self) -> None:
        """It imports side by side with the judge; the first command waits for it."""
        if not self._ready:
            if not self._control.recv(PACKET):
                raise OSError(_last_words(self._process))
            self._ready = True

    def close(self) -> None:
        self._control.close()
        if self._process is not None:
            _finish(self._process)


class Standby:
    """Where `fork` does not exist or is unsafe: workers are spawned, one ahead of need. The same methods as a zygote.

    Tested on Linux (GRADER_START=spawn); the hand-over of sockets on Windows is written as documented and untested.
    """

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.level = "process"
        self._packages = packages
        self._spare: tuple[Forked, subprocess.Popen[bytes]] | None = None
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._prepare(MEMORY)

    def _prepare(self, memory: int) -> None:
        connection, theirs = socket.socketpair()
        stacks, told = socket.socketpair()
        with theirs, told:
            process = _spawn_worker(theirs, told)
        configuration = {**_configuration(self._packages, strict=False), "memory": memory}
        Stream(connection).send(json.dumps(configuration))
        self._spare = Forked(connection, stacks, process.pid), process

    def fork(self, memory: int, scratch: int, folder: str) -> Forked:
        """The spare worker, once its imports are done; another is spawned in its place."""
        if memory != MEMORY or self._spare is None:
            self._drop_spare()
            self._prepare(memory)
        assert self._spare is not None
        forked, process = self._spare
        stream = Stream(forked.connection)
        stream.send(folder)
        try:
            stream.receive()
        except Closed:
            raise GraderError(f"a worker could not be started: {_last_words(process)}", "Run `grader doctor`.") from None
        self._running[forked.pid] = process
        self._prepare(MEMORY)
        return forked

    def end(self, pid: int) -> int | None:
        process = self._running.pop(pid, None)
        if process is None:
            return None
        process.kill()
        code = process.wait()
        if process.stderr is not None:
            process.stderr.close()
        return -code if code < 0 else code << 8

    def ask_for_stack(self, pid: int) -> None:
        if hasattr(signal, "SIGUSR2") and pid in self._running:
            self._running[pid].send_signal(signal.SIGUSR2)

    def threads(self, pid: int) -> int:
        return 1  # not asked: a worker with threads left is not replaced here

    def close(self) -> None:
        for pid in list(self._running):
            self.end(pid)
        self._drop_spare()

    def _drop_spare(self) -> None:
        if self._spare is not None:
            forked, process = self._spare
            self._running[forked.pid] = process
            forked.connection.close()
            forked.stacks.close()
            self.end(forked.pid)
            self._spare = None


def _spawn_worker(*sockets: socket.socket) -> subprocess.Popen[bytes]:
    if hasattr(socket, "fromshare"):  # Windows hands sockets over by process number, once that is known
        process = _popen([*_python(["stdin"], strict=False)], stdin=subprocess.PIPE)
        shared = [sock.share(process.pid).hex() for sock in sockets]  # type: ignore[attr-defined]
        assert process.stdin is not None
        process.stdin.write("\n".join([*shared, ""]).encode())
        process.stdin.flush()
        return process
    numbers = [str(sock.fileno()) for sock in sockets]
    return _popen(_python([",".join(numbers)], strict=False), pass_fds=[sock.fileno() for sock in sockets])


def _popen(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    given = {"stdin": subprocess.DEVNULL, **options}
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment(), cwd=os.path.abspath(os.sep), **given
    )


def _finish(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr is not None:
        process.stderr.close()


def _last_words(process: subprocess.Popen[bytes] | None) -> str:
    if process is None or process.stderr is None:
        return "no reason known"
    process.wait(5)
    lines = process.stderr.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {process.returncode}"


def start(level: str, packages: tuple[str, ...]) -> Zygote | Standby:
    """Start a zygote for sections whose workers may import `packages`. Returns at once; it gets ready meanwhile."""
    strict = level == "strict"
    if strict:
        require_strict()
    elif sys.platform in ("win32", "darwin") or os.environ.get("GRADER_START") == "spawn":
        return Standby(packages)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [*(_bubblewrap(packages) if strict else []), *_python([str(theirs.fileno())], strict)]
        process = _popen(command, pass_fds=[theirs.fileno()])
    ours.send(json.dumps(_configuration(packages, strict)).encode())
    return Zygote(ours, process, level)


def _environment() -> dict[str, str]:
    threads = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
    kept = {name: os.environ[name] for name in ("PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ}
    return {**kept, **{f"{name}_NUM_THREADS": "1" for name in threads}, "LANG": "C.UTF-8", "HOME": "/nonexistent"}


def _python(sockets: list[str], strict: bool) -> list[str]:
    executable = os.path.realpath(sys.executable) if strict else sys.executable
    paths = ["/site"] if strict else [str(PACKAGE_ROOT), *site_folders()]
    return [executable, "-I", "-S", "-B", "-c", BOOT, *sockets, *paths]


def _configuration(packages: tuple[str, ...], strict: bool) -> dict[str, Any]:
    standard = [sysconfig.get_path("stdlib"), os.path.join(sysconfig.get_path("stdlib"), "lib-dynload")]
    return {
        "packages": packages,
        "allowed": sorted({name for dist in closure(packages) for name in import_names(dist)}),
        "paths": [*standard, *(["/site"] if strict else site_folders())],
        "strict": {"readable": [*_system_paths(), "/site"], "seccomp": seccomp_program().hex()} if strict else None,
    }


@cache
def site_folders() -> list[str]:
    """Where this interpreter's installed packages are."""
    return list(dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))


@cache
def closure(packages: tuple[str, ...]) -> tuple[str, ...]:
    """These distributions and all that they require, as far as installed."""
    found: dict[str, None] = {}
    waiting = [package.partition(".")[0] for package in packages]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = None
        needed = (Requirement(text) for text in requires)
        waiting += [item.name for item in needed if item.marker is None or item.marker.evaluate({"extra": ""})]
    return tuple(found)


@cache
def top_level(distribution: str) -> tuple[str, ...]:
    """The files and folders that a distribution put into site-packages."""
    files = importlib.metadata.files(distribution) or []
    return tuple(sorted({file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}))


def import_names(distribution: str) -> set[str]:
    """The names that a distribution can be imported by."""
    return {entry.split(".")[0] for entry in top_level(distribution) if not entry.endswith((".dist-info", ".pth"))}


def _system_paths() -> list[str]:
    """The interpreter, the standard library and the system's shared libraries: all that is bound besides packages."""
    libraries = [f"{root}/{sysconfig.get_config_var('MULTIARCH') or ''}" for root in ("/lib", "/usr/lib")]
    own = [os.path.realpath(sys.executable), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    shared = [f"{sysconfig.get_config_var('LIBDIR')}/{sysconfig.get_config_var('INSTSONAME')}"]
    paths = [*own, *shared, *libraries, "/lib64", "/usr/lib64", "/etc/ld.so.cache"]
    return list(dict.fromkeys(path for path in paths if os.path.exists(path)))


def _bubblewrap(packages: tuple[str, ...]) -> list[str]:
    """An empty disk with an allow-list bound in read-only; never the course, never another installed package."""
    user = [] if os.getuid() == 0 else ["--unshare-user"]
    command = [str(shutil.which("bwrap")), "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", *user]
    command += ["--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev"]
    bound = [(path, path) for path in _system_paths()]
    bound += [(str(PACKAGE_ROOT / f"grader/{name}.py"), f"/site/grader/{name}.py") for name in OWN_FILES]
    bound += [pair for distribution in closure((*packages, *OWN_PACKAGES)) for pair in _site_entries(distribution)]
    # Folders made on the way to a bind are closed to others by default, and the zygote does not stay root.
    parents = {str(parent) for _, inside in bound for parent in Path(inside).parents} - {"/"}
    for folder in (*sorted(parents), confine.SCRATCH):
        command += ["--perms", "0755", "--dir", folder]
    for outside, inside in bound:
        command += ["--ro-bind", outside, inside]
    for hidden in ("site-packages", "dist-packages", "test", "idlelib", "ensurepip"):
        folder = os.path.join(sysconfig.get_path("stdlib"), hidden)
        command += ["--tmpfs", folder] if os.path.isdir(folder) else []
    return [*command, "--chdir", "/", "--"]


def _site_entries(distribution: str) -> list[tuple[str, str]]:
    paths = ((Path(folder, entry), f"/site/{entry}") for entry in top_level(distribution) for folder in site_folders())
    return [(str(outside), inside) for outside, inside in paths if outside.exists()]


@cache
def seccomp_program() -> bytes:
    """The filter as the kernel takes it, compiled here so that the sandbox needs no libseccomp."""
    import errno

    import pyseccomp

    program = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in DENIED_CALLS:
        try:
            program.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
        except (OSError, RuntimeError, ValueError):
            continue  # a call that this kernel or architecture does not have cannot be made either
    clone_thread, pdeathsig, masked = 0x10000, confine.PR_SET_PDEATHSIG, pyseccomp.MASKED_EQ
    program.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    program.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", pyseccomp.Arg(0, masked, clone_thread, 0))
    program.add_rule(pyseccomp.ERRNO(errno.EPERM), "prctl", pyseccomp.Arg(0, pyseccomp.EQ, pdeathsig))
    with tempfile.TemporaryFile() as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()


def missing_for_strict() -> list[tuple[str, str]]:
    """What this machine lacks for `strict`: pairs of what is missing and what to do about it."""
    if sys.platform != "linux":
        return [("Linux", "use a Linux machine, a virtual machine or WSL 2 for grading")]
    missing = []
    if shutil.which("bwrap") is None:
        missing.append(("bubblewrap", "sudo apt-get install bubblewrap   (or your system's package of that name)"))
    if confine.landlock_abi() < 1:
        missing.append(("Landlock in the kernel", "boot with `lsm=landlock,…` and a kernel of 5.13 or newer"))
    try:
        seccomp_program()
    except (ImportError, RuntimeError, OSError):
        missing.append(("libseccomp", "sudo apt-get install libseccomp2   and   pip install pyseccomp"))
    return missing


def require_strict() -> None:
    """Raise GraderError naming what is missing; never weaken."""
    missing = missing_for_strict()
    if missing:
        needs = ", ".join(what for what, _ in missing)
        raise GraderError(f"isolation level `strict` needs {needs}, not found here.", "\n".join(do for _, do in missing))
