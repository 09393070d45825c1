"""What becomes of errors that nobody foresaw."""

from __future__ import annotations

import errno

import click
import pytest

from ipcsim import api
from ipcsim.cli import main as module
from ipcsim.errors import EnvironmentProblem


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(api, "load", fail)


def test_a_defect_is_told_as_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failing(monkeypatch, KeyError("x"))
    assert module.main(["run", "quick.yaml", "--json"]) == 70
    out, err = capsys.readouterr()
    assert '"kind": "defect"' in out
    assert "this is a defect of ipcsim" in err
    assert "please report it" in err
    assert "Traceback" not in err
    monkeypatch.setenv("IPCSIM_DEBUG", "1")
    assert module.main(["run", "quick.yaml"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EnvironmentProblem("raise the limit"), 4),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (OSError(errno.ENOSPC, "No space left on device"), 4),
        (OSError(errno.EBADF, "Bad file descriptor"), 70),
        (SystemExit(3), 3),
    ],
)
def test_codes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
) -> None:
    failing(monkeypatch, error)
    assert module.main(["run", "quick.yaml"]) == code
    assert capsys.readouterr().out == ""
