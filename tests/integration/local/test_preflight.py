"""What a newcomer's machine may lack: each is refused in one line that says what to do, before anything is started."""

import socket
from pathlib import Path

import pytest

from deploy.local import preflight
from deploy.local.preflight import Refused


def refusal(check, *arguments) -> str:
    with pytest.raises(Refused) as refused:
        check(*arguments)
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_a_missing_system_library_is_named_with_the_package_that_has_it(tmp_path: Path):
    loader = tmp_path / "mongod"
    loader.write_text(
        "#!/bin/sh\n"
        "echo 'mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file' >&2\n"
        "exit 127\n"
    )
    loader.chmod(0o700)
    text = refusal(preflight.check_mongod, [str(loader), "--version"])
    assert "libcurl.so.4" in text
    assert "apt install libcurl4" in text


def test_an_executable_that_is_not_there_says_how_to_get_it_back(tmp_path: Path):
    assert "make up" in refusal(preflight.check_mongod, [str(tmp_path / "mongod"), "--version"])


def test_this_machine_s_mongod_starts():
    from deploy.local import mongod

    preflight.check_mongod([str(mongod.binary()), "--version"])


def test_too_little_disk_is_refused_with_the_place(tmp_path: Path):
    text = refusal(preflight.check_disk, tmp_path / "not" / "yet" / "there", 1e9)
    assert str(tmp_path) in text
    preflight.check_disk(tmp_path, 0.001)


def test_a_port_in_use_names_its_holder_and_another_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = refusal(preflight.check_port, port)
    assert "process" in text
    assert f"PORT={port + 1}" in text
    preflight.check_port(0)


def test_another_platform_is_told_of_its_ways():
    assert "MONGODB_URI" in refusal(preflight.check_platform, "Darwin", "arm64")
    preflight.check_platform("Linux", "x86_64")
