"""supervisord as a child of `rujukan up`: its configuration, its start and end, and talking to it.

It restarts what dies. It and everything under it end with `rujukan up`, also when that is killed. What runs, in which
order, is said in programs.py.
"""

from __future__ import annotations

import http.client
import os
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from deploy.local import leash
from deploy.local.ports import wait_until
from deploy.local.programs import GROUPS, RELIEF, Program
from deploy.local.state import ROOT, State

LOG_BYTES = 5_000_000
LOG_COPIES = 3
START_TRIES = 10
"""Tries in a row, each a second later than the one before; then the monitor waits longer between them."""
UNREACHABLE = (OSError, http.client.HTTPException, xmlrpc.client.Fault)


@dataclass(frozen=True)
class Process:
    """One supervised process as it is now. `state` is supervisor's word: RUNNING, STARTING, BACKOFF, FATAL, STOPPED."""

    name: str
    group: str
    state: str
    pid: int
    started: int
    last_end: str


class Supervision:
    """A supervisord of our own, reached by a Unix socket that only this user can open."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.daemon: subprocess.Popen[bytes] | None = None

    @property
    def _rpc(self) -> Any:
        """A fresh proxy for each call: one that failed to connect once never recovers."""
        return client(self.socket)

    def start(self, state: State, programs: Sequence[Program]) -> None:
        """Starts supervisord with these programs, none of them running yet."""
        configuration = self.write(state, programs)
        with (state.logs / "supervisord.out").open("wb") as out:
            self.daemon = subprocess.Popen(
                leash.command([sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(configuration)]),
                cwd=ROOT,
                env=leash.environment(_clean_environment()),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for `rujukan up` alone: it stops the rest in order.
                start_new_session=True,
            )
        wait_until(self.reachable, 15, "the supervisor")

    def write(self, state: State, programs: Sequence[Program]) -> Path:
        """Writes the configuration, readable by its owner only: it holds the programs' secrets."""
        file = state.supervisor / "supervisord.conf"
        file.touch(mode=0o600)
        file.write_text(configuration(state, self.socket, programs))
        return file

    def add(self, state: State, programs: Sequence[Program]) -> None:
        """Tells a running supervisord of programs that it did not have; `programs` are all, old and new."""
        self.write(state, programs)
        rpc = self._rpc
        ((added, _, _),) = rpc.supervisor.reloadConfig()
        for group in added:
            rpc.supervisor.addProcessGroup(group)

    def launch(self, name: str, group: str) -> None:
        """Starts one program, without waiting for it."""
        self._rpc.supervisor.startProcess(f"{group}:{name}", False)

    def halt(self, name: str, group: str) -> None:
        """Stops one program in its own time, and waits for its end. One that does not run is left as it is."""
        try:
            self._rpc.supervisor.stopProcess(f"{group}:{name}")
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise

    def restart(self, name: str) -> None:
        """Stops a program in its own time and starts it again. Raises one of UNREACHABLE."""
        one = next(one for one in self.processes() if one.name == name)
        self.halt(name, one.group)
        self.launch(name, one.group)

    def reachable(self) -> bool:
        """Whether supervisord answers."""
        try:
            return bool(self._rpc.supervisor.getState()["statename"] == "RUNNING")
        except UNREACHABLE:
            return False

    def processes(self) -> list[Process]:
        """All programs as they are now, the relief only while it runs. Raises one of UNREACHABLE."""
        return [
            Process(
                name=found["name"],
                group=found["group"],
                state=found["statename"],
                pid=found["pid"],
                started=found["start"],
                last_end=found["spawnerr"] or _ending(found["exitstatus"]),
            )
            for found in self._rpc.supervisor.getAllProcessInfo()
            if found["name"] != RELIEF or found["pid"]
        ]

    def running(self, name: str) -> bool:
        """Whether the program runs or is being started."""
        return any(one.name == name and one.state in ("RUNNING", "STARTING", "BACKOFF") for one in self.processes())

    @property
    def alive(self) -> bool:
        return self.daemon is not None and self.daemon.poll() is None

    def stop(self, seconds: float = 120) -> bool:
        """Stops all programs in order, then supervisord; False if it had to be killed."""
        if self.daemon is None:
            return True
        if self.alive:
            self.daemon.send_signal(signal.SIGTERM)
        try:
            self.daemon.wait(seconds)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
            return False
        return True


class Monitor:
    """Compares what runs with what ran, and says what changed. Starts again what its supervisor has given up on."""

    PAUSE_AFTER_GIVING_UP = 30.0

    def __init__(self, supervision: Supervision) -> None:
        self._supervision = supervision
        self._pids: dict[str, int] = {}
        self._given_up: dict[str, float] = {}

    def look(self) -> list[str]:
        """One line for each change since the last look."""
        lines = []
        processes = self._supervision.processes()
        self._pids = {one.name: self._pids[one.name] for one in processes if one.name in self._pids}
        for one in processes:
            before = self._pids.get(one.name)
            if one.pid and one.pid != before:
                if before is not None:
                    lines.append(f"{one.name} ended and was started again as process {one.pid}")
                self._pids[one.name] = one.pid
            if one.state == "FATAL":
                lines += self._give_another_try(one)
            else:
                self._given_up.pop(one.name, None)
        return lines

    def _give_another_try(self, one: Process) -> list[str]:
        if one.name not in self._given_up:
            self._given_up[one.name] = time.monotonic()
            return [f"{one.name} keeps failing ({one.last_end}): see its log. It is tried again in half a minute."]
        if time.monotonic() - self._given_up[one.name] >= self.PAUSE_AFTER_GIVING_UP:
            self._supervision.launch(one.name, one.group)
        return []


def client(socket: Path) -> Any:
    """An XML-RPC proxy to the supervisord behind the socket."""
    return xmlrpc.client.ServerProxy(
        "http://localhost/RPC2", transport=SupervisorTransport(serverurl=f"unix://{socket}")
    )


def configuration(state: State, socket: Path, programs: Sequence[Program]) -> str:
    """supervisord's configuration file."""
    sections: dict[str, dict[str, Any]] = {
        "unix_http_server": {"file": socket, "chmod": "0700"},
        "supervisord": {
            "nodaemon": "true",
            "logfile": state.logs / "supervisord.log",
            "logfile_maxbytes": LOG_BYTES,
            "logfile_backups": LOG_COPIES,
            "pidfile": state.supervisor / "supervisord.pid",
            "childlogdir": state.logs,
            "umask": "077",
            "minfds": 1024,
            "silent": "true",
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
    }
    for place, group in enumerate(GROUPS):
        members = [program for program in programs if program.group == group]
        if members:
            names = ",".join(program.name for program in members)
            sections[f"group:{group}"] = {"programs": names, "priority": (place + 1) * 100}
    for program in programs:
        sections[f"program:{program.name}"] = {
            "command": _plain(shlex.join(leash.command(program.command))),
            "directory": ROOT,
            "environment": _plain(",".join(f"{name}={_quoted(value)}" for name, value in program.environment.items())),
            "autostart": "false",
            "autorestart": "false" if program.standby else "true",
            "startsecs": 2,
            "startretries": 0 if program.standby else START_TRIES,
            "stopsignal": "TERM",
            "stopwaitsecs": program.stop_seconds,
            "stopasgroup": "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": state.logs / f"{program.name}.log",
            "stdout_logfile_maxbytes": LOG_BYTES,
            "stdout_logfile_backups": LOG_COPIES,
        }
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for name, entries in sections.items()
    )


def _plain(text: str) -> str:
    """Text that supervisor's own % substitution leaves alone."""
    return text.replace("%", "%%")


def _quoted(value: str) -> str:
    """A value in quotation marks, as supervisor reads them: it knows no escapes."""
    mark = "'" if '"' in value else '"'
    if "\n" in value or mark in value:
        raise ValueError("a variable for a supervised program cannot have several lines, or both quotation marks")
    return f"{mark}{value}{mark}"


def _clean_environment() -> dict[str, str]:
    """The user's environment without what would surprise the programs: secrets go to those that need them only."""
    foreign = ("PREFECT_", "RUJUKAN_", "GUNICORN_", "KAFKA_", "MONGODB_", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore::DeprecationWarning"}


def _ending(status: int) -> str:
    """How a process ended, in words. Supervisor keeps no signal's number: it says -1 for all of them."""
    return "killed by a signal" if status < 0 else f"exit status {status}"
