"""`rujukan up`: prepares everything, starts it in order, watches it, and stops it in the opposite order.

Each step is a small function elsewhere; this module only says in which order they happen and what a person reads.
"""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from deploy import initialise
from deploy.local import kafka, mongod, programs, secrets
from deploy.local.door import Door
from deploy.local.ports import LOOPBACK, NotReady, free_port, wait_until
from deploy.local.state import Running, State, addresses
from deploy.local.supervision import UNREACHABLE, Monitor, Supervision

Step = Callable[[str], AbstractContextManager[None]]
Say = Callable[[str], None]

LOOK_EVERY = 0.5
"""Seconds between two looks at the supervised processes."""


class Stopped(Exception):
    """Somebody asked to stop: Ctrl-C, SIGTERM, or the terminal is gone."""


@dataclass(frozen=True)
class Options:
    """What `rujukan up` was asked for."""

    port: int
    with_clock: bool
    demo: bool


class Instance:
    """One running product on this machine."""

    def __init__(self, state: State, options: Options, step: Step, say: Say) -> None:
        self.state, self.options, self._step, self._say = state, options, step, say
        self.port = options.port or free_port()
        self.url = f"http://localhost:{self.port}"
        self.own_mongod = "MONGODB_URI" not in os.environ
        self.own_kafka = "KAFKA_BOOTSTRAP_SERVERS" not in os.environ
        self._supervision = Supervision(state.socket())
        self._programs: list[programs.Program] = []
        self._door: Door | None = None
        self._ports = state.ports()

    def run(self, ready: Callable[[Running, dict[str, str]], None]) -> None:
        """Starts everything, calls `ready` once the first page is served, then watches until somebody stops it.

        Raises NotReady, FetchError, and what initialising raises. Whatever happens, nothing keeps running.
        """
        ask_by_signal()
        try:
            environment = self._start()
            ready(self._note(environment), environment)
            self._watch()
        except Stopped:
            self._say("Stopping …")
        finally:
            self._stop()

    def _start(self) -> dict[str, str]:
        if self.own_kafka and not kafka.JARS.exists():
            with self._step("Fetching Apache Kafka (43 MB, once)"):
                kafka.fetch()
        elif self.own_kafka:
            kafka.fetch()
        mongodb_uri, bootstrap = addresses(self._ports)
        environment = self.state.environment(mongodb_uri, bootstrap, self.url, demonstration=False)
        if self.own_mongod or self.own_kafka:
            with self._step("Starting " + " and ".join(self._own_stores())):
                self._start_stores()
        else:
            self._supervision.start(self.state, [])
        with self._step("Preparing users, indexes and topics"):
            root = self.state.root_password()
            administrators = {name: os.environ[name] for name in secrets.KAFKA_ADMINISTRATOR if name in os.environ}
            initialise.run(
                initialise.environment_with_files(
                    {**environment, **({secrets.ROOT_PASSWORD: root} if root else {}), **administrators}
                )
            )
        environment["RUJUKAN_DEMONSTRATION"] = "true" if self._demonstration(environment) else "false"
        with self._step("Starting the services"):
            self._start_roles(environment)
        if self.options.with_clock:
            # It needs a dozen seconds to be ready, and nobody waits for it.
            self._launch(programs.CLOCK)
        return environment

    def _own_stores(self) -> list[str]:
        return ["MongoDB"] * self.own_mongod + ["Kafka"] * self.own_kafka

    def _start_stores(self) -> None:
        self._programs = programs.stores(self.state, self._ports, self.own_mongod, self.own_kafka)
        self._supervision.start(self.state, self._programs)
        self._launch(programs.STORES)
        if self.own_mongod:
            password = secrets.ensure(self.state.directory)[secrets.ROOT_PASSWORD]
            mongod.wait_until_primary(self._ports.mongod, password, lambda: self._supervision.running("mongod"))
        if self.own_kafka:
            kafka.wait_until_ready(self._ports.kafka, lambda: self._supervision.running("kafka"))

    def _start_roles(self, environment: dict[str, str]) -> None:
        place = self._supervision.socket.with_name("door.sock")
        try:
            self._door = Door(self.port, place)
        except OSError as error:
            raise NotReady(f"The pages' port {self.port} cannot be taken ({error.strerror})") from None
        self._programs += programs.roles(self.state, environment, place)
        if self.options.with_clock:
            self._programs += programs.clock(self.state, environment, self._ports.prefect)
        self._supervision.add(self.state, self._programs)
        self._launch(programs.WORK)
        self._launch(programs.WEB)
        wait_until(self._page_is_served, 60, f"The first page (see {self.state.logs}/web.log); the web", pause=0.2)

    def _launch(self, group: str) -> None:
        for program in self._programs:
            if program.group == group and not program.standby:
                self._supervision.launch(program.name, group)

    def _page_is_served(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/id/", timeout=10) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            # The web answers, but a part behind it is not ready yet.
            if error.code != 503:
                raise NotReady(f"The first page answers {error.code}: see {self.state.logs}/web.log") from None
            return False
        except OSError:
            if not self._supervision.running("web"):
                raise NotReady(f"The web does not start: see {self.state.logs}/web.log") from None
            return False

    def _demonstration(self, environment: dict[str, str]) -> bool:
        """Whether pages say that they show invented data: what the instance was made for, else what is asked now."""
        from deploy import processes
        from services.directory import setup

        mode = setup.mode(processes.foundation("directory", environment))
        return mode == "demonstration" or (mode is None and self.options.demo)

    def _note(self, environment: dict[str, str]) -> Running:
        running = Running(
            pid=os.getpid(),
            url=self.url,
            socket=str(self._supervision.socket),
            mongodb_uri=environment["MONGODB_URI"],
            kafka_bootstrap=environment["KAFKA_BOOTSTRAP_SERVERS"],
            prefect_url=programs.prefect_url(self._ports.prefect) if self.options.with_clock else None,
            demonstration=environment["RUJUKAN_DEMONSTRATION"] == "true",
        )
        self.state.note(running)
        return running

    def _watch(self) -> None:
        monitor = Monitor(self._supervision)
        while True:
            if not self._supervision.alive:
                raise NotReady("The supervisor ended, and everything under it: start again.")
            try:
                for line in monitor.look():
                    self._say(f"{time.strftime('%H:%M:%S')} {line}")
            except UNREACHABLE:
                self._say(f"{time.strftime('%H:%M:%S')} the supervisor does not answer")
            time.sleep(LOOK_EVERY)

    def _stop(self) -> None:
        """Stops everything; a second Ctrl-C does not cut it short."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if self._door is not None:
            self._door.close()
        if not self._supervision.stop():
            self._say("Something did not stop in time and was killed: see supervisord.log")
        self.state.forget()


def ask_by_signal() -> None:
    """Turns Ctrl-C, SIGTERM and the end of the terminal into Stopped, wherever the program is."""

    def stop(*_: Any) -> None:
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
