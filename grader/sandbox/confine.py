"""Locking a forked worker in, from inside, before the learner's code exists in it.

Protects (level `strict`): the judge, the zygote and sibling workers (own user, pid, mount, network, ipc namespaces, so
no signal, ptrace or /proc reaches them); the disk (only the allow-listed libraries are mounted, Landlock grants reading
there and writing in the scratch tmpfs alone); the network (none); the machine's memory and process table (rlimits,
bounded tmpfs, no new processes); and the kernel's rarer doors (seccomp).
Does not protect: against a kernel bug reached through an allowed system call, against timing side channels between
workers, or a submission's own answers from its own threads. Level `process` protects against accidents only: crash,
endless loop, runaway memory, not against somebody who wants to read the disk.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from typing import Any

try:
    import resource
except ImportError:  # Windows has none: a standby worker there has no memory limit
    resource = None  # type: ignore[assignment]

SCRATCH = "/scratch"
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP = 0x10000000, 0x20000000, 0x40000000, 0x2000000
NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 22, 38
PR_SET_CHILD_SUBREAPER, SECCOMP_MODE_FILTER = 36, 2
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
# Landlock access rights, in the order of their bits; the number known grows with the kernel's ABI.
READ_RIGHTS = 1 << 0 | 1 << 2 | 1 << 3  # execute (to map libraries), read file, read folder
FS_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
EXECUTE = 1 << 0
FILE_RIGHTS = 1 << 1 | 1 << 2  # write and read a file
THREADS = 64
OPEN_FILES = 128

libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def system_call(name: str, *args: Any) -> int:
    """Call libc; raise OSError naming the call when it fails."""
    result: int = getattr(libc, name)(*args)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{name}{args[:1]}: {os.strerror(ctypes.get_errno())}")
    return result


def die_with_parent() -> None:
    if libc is not None:
        system_call("prctl", PR_SET_PDEATHSIG, 9, 0, 0, 0)


def limit_memory(memory: int) -> None:
    """Bound what this process may have beyond what it has now. RLIMIT_DATA alone would miss shared mappings."""
    if sys.platform != "linux":
        return
    with open("/proc/self/statm") as file:
        pages = [int(field) for field in file.read().split()]
    page = resource.getpagesize()
    for limit, used in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
        resource.setrlimit(limit, (used * page + memory, used * page + memory))


def limit_rest(scratch: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (scratch, scratch))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))


def drop_root() -> None:
    """Leave root for good: RLIMIT_NPROC is not enforced for it, and files of root's own would stay readable."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        system_call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self/uid_map can't be written


def enter_namespaces(announce: Callable[[int], None]) -> None:
    """Leave every shared namespace and go on as process 1 of a new one; `announce` gets its number outside."""
    user, group = os.getuid(), os.getgid()
    resource.setrlimit(resource.RLIMIT_NPROC, (THREADS, THREADS))
    system_call("unshare", NAMESPACES)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    child = os.fork()
    if child:
        announce(child)
        os._exit(0)
    os.setsid()  # kill(0) reaches the process group, which a pid namespace does not change


def mount_scratch(size: int) -> None:
    """An own, bounded, empty folder to work in; and nothing to see under /proc."""
    system_call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    flags = MS_NOSUID | MS_NODEV
    options = f"size={size},nr_inodes=4096,mode=700".encode()
    system_call("mount", b"tmpfs", SCRATCH.encode(), b"tmpfs", flags | MS_NOEXEC, options)
    system_call("mount", b"tmpfs", b"/proc", b"tmpfs", flags | MS_RDONLY, b"size=4k,nr_inodes=2")
    os.chdir(SCRATCH)


def landlock_abi() -> int:
    """The kernel's Landlock version, 0 where it has none."""
    if libc is None:
        return 0
    return max(0, int(libc.syscall(LANDLOCK_CREATE, None, 0, 1)))


def landlock(readable: list[str]) -> None:
    """Grant reading below `readable` and everything but execution in the scratch folder; deny the rest."""
    abi = landlock_abi()
    rights = FS_RIGHTS[min(abi, 5)]
    # The structure grows with the ABI: file rights, then (4) TCP rights, then (6) scopes: abstract sockets, signals.
    attributes = struct.pack("=QQQ", rights, 3, 3)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = system_call("syscall", LANDLOCK_CREATE, attributes, len(attributes), 0)
    grants = [*((path, READ_RIGHTS) for path in readable), ("/dev/null", FILE_RIGHTS), (SCRATCH, rights & ~EXECUTE)]
    for path, granted in grants:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if not os.path.isdir(path):
            granted &= EXECUTE | FILE_RIGHTS
        system_call("syscall", LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", granted, folder), 0)
        os.close(folder)
    system_call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    system_call("syscall", LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def drop_capabilities() -> None:
    """Give up every capability that the new user namespace gave, for good."""
    for capability in range(64):
        if libc is None or libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break
    system_call("capset", struct.pack("=Ii", 0x20080522, 0), struct.pack("=IIIIII", *[0] * 6))


def seccomp(program: bytes) -> None:
    """Install a filter that the judge compiled (`isolation.seccomp_program`)."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    system_call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0)


def confine(limits: dict[str, int], strict: dict[str, Any] | None, announce: Callable[[int], None]) -> None:
    """All of it, in the one order that works: what needs privileges first, the filter that ends them last."""
    if strict is None:
        os.setsid()
        die_with_parent()
        announce(os.getpid())
    else:
        enter_namespaces(announce)
        limit_memory(limits["memory"])
        mount_scratch(limits["scratch"])
        landlock(strict["readable"])
        drop_capabilities()
        limit_rest(limits["scratch"])
        seccomp(bytes.fromhex(strict["seccomp"]))
        return
    limit_memory(limits["memory"])
    limit_rest(limits["scratch"])
