"""A peer in another process: it gets the same work as lines of JSON, and takes the time itself.

One line asks, one answers, so start-up and the pipe are in no figure:

    {"open": "tables", "rows": [[0, 1], ...]}        {"seconds": 0.01}
    {"singles": [[7, 42], ...]}                      {"seconds": 0.02, "read": 123}
    {"batches": [[[7, 42], [8, 1]], ...]}            {"seconds": 0.02, "read": 0}
    {"answer": true}                                 {"answer": {"doubled": [[0, 2], ...], ...}}

`{"unable": "why"}` answers what it cannot do, and `{"error": "..."}` what went wrong.
"""

import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers.base import Session, UnableError
from shapes import Answer, Rows, Shape, Work

PATIENCE = 180  # seconds for an answer, after which the process is ended


class Conversation:
    """Questions and answers with one process."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []  # the last lines on stderr
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said = [*self.said[-20:], line.strip()]

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer; UnableError where it says so, ends or does not answer in time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        out_of_patience = threading.Timer(PATIENCE, self.process.kill)
        out_of_patience.start()
        try:
            self.process.stdin.write(json.dumps(question, separators=(",", ":")) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError:
            line = ""
        finally:
            out_of_patience.cancel()
        if not line:
            self.process.wait()
            said = next((line for line in reversed(self.said) if line), "")
            raise UnableError(f"its process ended with {self.process.returncode}: {said[:120]}")
        answer: dict[str, Any] = json.loads(line)
        for refusal in ("unable", "error"):
            if refusal in answer:
                raise UnableError(str(answer[refusal])[:160])
        return answer

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Elsewhere:
    """A session in a process of its own."""

    def __init__(self, conversation: Conversation, shape: Shape, rows: Rows) -> None:
        self.conversation = conversation
        try:
            self.opened = float(conversation.ask({"open": shape.name, "rows": list(rows.items())})["seconds"])
        except UnableError:
            conversation.end()
            raise

    def work(self, kind: str, work: Any) -> tuple[float, int]:
        done = self.conversation.ask({kind: work})
        return float(done["seconds"]), int(done["read"])

    def singles(self, work: Work) -> tuple[float, int]:
        return self.work("singles", work)

    def batches(self, work: Sequence[Work]) -> tuple[float, int]:
        return self.work("batches", work)

    def answer(self) -> Answer:
        tables = self.conversation.ask({"answer": True})["answer"]
        return {name: {int(key): int(value) for key, value in table} for name, table in tables.items()}

    def close(self) -> None:
        self.conversation.end()


@dataclass(frozen=True)
class Program:
    """A peer whose sessions are processes that this command starts."""

    name: str
    about: str
    command: tuple[str, ...]
    folder: Path
    shapes: tuple[str, ...]
    unable: str = "not written for it"
    environment: dict[str, str] = field(default_factory=dict)

    def talk(self) -> Conversation:
        try:
            return Conversation(self.command, self.folder, self.environment)
        except OSError as error:
            raise UnableError(f"{self.command[0]} does not start: {error.strerror}") from error

    def open(self, shape: Shape, rows: Rows) -> Session:
        if shape.name not in self.shapes:
            raise UnableError(self.unable)
        return Elsewhere(self.talk(), shape, rows)
