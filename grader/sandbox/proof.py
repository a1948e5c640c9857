"""What level `strict` must prove from inside before it judges anything: a fresh worker tries what must not work."""

from __future__ import annotations

from pathlib import Path

from grader.errors import GraderError
from grader.sandbox.launch import Standby, Zygote
from grader.sandbox.link import Link

# Runs in the worker before any learner's code does, so its answers can be believed.
ATTEMPTS = b"""
import os, socket

def attempts(suite):
    def read_the_suite():
        open(suite).read()

    def reach_the_network():
        socket.create_connection(("127.0.0.1", 9), 1)

    def open_a_datagram_socket():
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def start_a_process():
        child = os.fork()
        if not child:
            os._exit(0)

    def write_outside_scratch():
        open("/dev/shm/x", "w").close()

    worked = []
    for attempt in (read_the_suite, reach_the_network, open_a_datagram_socket, start_a_process, write_outside_scratch):
        try:
            attempt()
        except OSError:
            continue
        worked.append(attempt.__name__)
    return worked, os.getuid()
"""


def prove(zygote: Zygote | Standby, suite: Path) -> None:
    """Raise GraderError unless everything that `strict` denies is denied here."""
    link = Link(zygote)
    try:
        link.limit(10)
        link.ask("load", "proof", ATTEMPTS, "proof.py", [])
        worked, user = link.ask("call", "attempts", str(suite))
    finally:
        link.end()
    if worked or user == 0:
        what = ", ".join(str(name).replace("_", " ") for name in worked) or "run as root"
        problem = f"isolation level `strict` does not hold here: a worker could {what}."
        raise GraderError(problem, "Run `grader doctor`.")
