"""Ask a process in the scratch project to run statement blocks, one after the other."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from subwright.prove import process
from subwright.prove.blocks import Block
from subwright.prove.project import Project

SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """What a block came to; `line` is the agent's line that raised."""

    message: str = ""
    names: tuple[str, ...] = ()
    line: int | None = None
    statements: int = 0
    printed: str = ""
    stage: str = "block"
    timed_out: bool = False
    seconds: float = SECONDS


class Statements:
    """The process that runs statements; it is started when it is needed, and again after a time-out."""

    def __init__(
        self, project: Project, environment: Mapping[str, str], preamble: str, cleanup: str
    ) -> None:
        self.project = project
        self.environment = environment
        self.preamble = preamble
        self.cleanup = cleanup
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = -1

    def __enter__(self) -> Statements:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process, if there is one."""
        self._stack.close()
        self._process = None

    def ask(self, block: Block) -> Answer:
        """Run one block."""
        seconds = block.seconds or SECONDS
        request = {
            "preamble": self.preamble,
            "cleanup": self.cleanup,
            "code": block.code,
            "line": block.line,
        }
        running = self._process or self._start()
        assert running.stdin is not None
        try:
            running.stdin.write(json.dumps(request).encode() + b"\n")
            running.stdin.flush()
        except BrokenPipeError:
            pass  # it died between two blocks: reading its answer says so
        text = self._receive(seconds)
        if text is None:
            self.stop()
            return Answer(timed_out=True, seconds=seconds)
        if not text:
            status = running.wait()
            self.stop()
            return Answer(message=f"the process that ran it ended with status {status}")
        return self._answer(json.loads(text))

    def _answer(self, found: Mapping[str, Any]) -> Answer:
        error = found.get("error")
        common = {
            "statements": found["statements"],
            "printed": found["printed"],
            "stage": found["stage"],
        }
        if error is None:
            return Answer(**common)
        line = None
        for file, number in error["frames"]:
            # the code of the block is padded so that its lines are the agent's
            line = number if file == "<block>" else self.project.agent_line(file, number) or line
        return Answer(message=error["message"], names=tuple(error["names"]), line=line, **common)

    def _start(self) -> subprocess.Popen[bytes]:
        read, write = os.pipe()
        os.set_inheritable(write, True)
        # -P: what the project calls `json.py` must not stand before the standard library's
        command = [sys.executable, "-P", "-m", "subwright.prove.child", str(write)]
        self._process = self._stack.enter_context(
            process.started(
                command,
                self.project.folder,
                self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(write,),
            )
        )
        os.close(write)
        self._stack.callback(os.close, read)
        self._answers = read
        return self._process

    def _receive(self, seconds: float) -> bytes | None:
        """One line of answer; nothing where the time is over, empty where the process has ended."""
        end = time.monotonic() + seconds
        text = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while not text.endswith(b"\n"):
                if not selector.select(max(0.0, end - time.monotonic())):
                    return None
                part = os.read(self._answers, 65536)
                if not part:
                    return b""
                text += part
        return text
