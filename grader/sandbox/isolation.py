"""The isolation levels, from the judge's side: which files a zygote sees, which filter its workers get.

`process` runs anywhere. `strict` needs Linux with bubblewrap, Landlock and seccomp, and never silently weakens: what is
missing is named together with the command that installs it.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import sysconfig
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from grader.errors import GraderError
from grader.models import cache_folder
from grader.sandbox import confine

LEVELS = ("process", "strict")
MODELS = "/models"  # where the model cache is bound, read-only
OWN_PACKAGES = ("msgpack",)  # what the worker's own half imports
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
OWN_MODULES = """
    wire values encoder decoder codec channel learnerside gradients asgi files worker confine zygote
""".split()
OWN_FILES = ("__init__", "sandbox/__init__", *(f"sandbox/{name}" for name in OWN_MODULES))
BOOT = "import sys; sys.path[:0] = sys.argv[2:]; from grader.sandbox.zygote import main; main(sys.argv[1])"
# A denied call fails with "operation not permitted"; `clone3` says "not implemented": libc then takes `clone`.
DENIED_CALLS = """
    fork vfork execve execveat ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
    mount umount2 move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr pivot_root chroot
    unshare setns memfd_create memfd_secret keyctl add_key request_key bpf perf_event_open userfaultfd
    io_uring_setup io_uring_enter io_uring_register socket shmget shmat msgget semget mq_open
    init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl quotactl_fd
    name_to_handle_at open_by_handle_at mknod mknodat personality syslog fanotify_init nfsservctl lookup_dcookie
    settimeofday clock_settime adjtimex clock_adjtime iopl ioperm modify_ldt vhangup sethostname setdomainname
""".split()


def models_inside(strict: bool) -> str:
    """The folder of models as a worker sees it."""
    return MODELS if strict else str(cache_folder())


def environment(strict: bool = False) -> dict[str, str]:
    """What a zygote starts with. Each thread's own arena would take 64 MB of the memory that a worker may have."""
    threads = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
    kept = {name: os.environ[name] for name in ("PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ}
    return {
        **kept,
        **{f"{name}_NUM_THREADS": "1" for name in threads},
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        "MPLCONFIGDIR": "/tmp/matplotlib" if strict else os.path.expanduser("~/.cache/grader/matplotlib"),
        "GRADER_MODELS": models_inside(strict),
        "MALLOC_ARENA_MAX": "2",
    }


def python(sockets: list[str], strict: bool) -> list[str]:
    executable = os.path.realpath(sys.executable) if strict else sys.executable
    paths = ["/site"] if strict else [str(PACKAGE_ROOT), *site_folders()]
    return [executable, "-I", "-S", "-B", "-c", BOOT, *sockets, *paths]


def configuration(packages: tuple[str, ...], strict: bool) -> dict[str, Any]:
    standard = [sysconfig.get_path("stdlib"), os.path.join(sysconfig.get_path("stdlib"), "lib-dynload")]
    readable = [*_system_paths(), "/site", *([MODELS] if cache_folder().is_dir() else [])]
    return {
        "packages": packages,
        "allowed": sorted({name for dist in closure(packages) for name in import_names(dist)}),
        "paths": [*standard, *(["/site"] if strict else site_folders())],
        "strict": {"readable": readable, "seccomp": seccomp_program().hex()} if strict else None,
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
    # Read as text: a path object for each of torch's ten thousand files would hold up the zygote's start.
    record = importlib.metadata.distribution(distribution).read_text("RECORD")
    if record is None:  # another installer than pip
        record = "\n".join(map(str, importlib.metadata.files(distribution) or []))
    entries = {line.split(",")[0].split("/")[0].strip('"') for line in record.splitlines()}
    return tuple(sorted(entries - {"", "..", "__pycache__"}))


def import_names(distribution: str) -> set[str]:
    """The names that a distribution can be imported by."""
    return {entry.split(".")[0] for entry in top_level(distribution) if not entry.endswith((".dist-info", ".pth"))}


def _system_paths() -> list[str]:
    """The interpreter, the standard library and the system's shared libraries: all that is bound besides packages."""
    architecture = sysconfig.get_config_var("MULTIARCH")
    libraries = [f"{root}/{architecture}" for root in ("/lib", "/usr/lib")] if architecture else []
    base = {"platbase": sys.base_exec_prefix}  # else it is the virtual environment's, with all that is installed there
    own = [os.path.realpath(sys.executable), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib", vars=base)]
    shared = [f"{sysconfig.get_config_var('LIBDIR')}/{sysconfig.get_config_var('INSTSONAME')}"]
    paths = [*own, *shared, *libraries, "/lib64", "/usr/lib64", "/etc/ld.so.cache"]
    return list(dict.fromkeys(path for path in paths if os.path.exists(path)))


def bubblewrap(packages: tuple[str, ...]) -> list[str]:
    """An empty disk with an allow-list bound in read-only; never the course, never another installed package."""
    user = [] if os.getuid() == 0 else ["--unshare-user"]
    command = [str(shutil.which("bwrap")), "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", *user]
    command += ["--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev"]
    bound = [(path, path) for path in _system_paths()]
    bound += [(str(PACKAGE_ROOT / f"grader/{name}.py"), f"/site/grader/{name}.py") for name in OWN_FILES]
    bound += [pair for distribution in closure((*packages, *OWN_PACKAGES)) for pair in _site_entries(distribution)]
    bound += [(str(cache_folder()), MODELS)] if cache_folder().is_dir() else []
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
        hint = "\n".join(do for _, do in missing)
        raise GraderError(f"isolation level `strict` needs {needs}, not found here.", hint)
