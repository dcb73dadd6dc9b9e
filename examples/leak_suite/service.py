"""The code under test: sessions that come and go, each with a live view of the messages that concern it."""

import os

from livedirs import Directory, DirName, InputDirectory, Store

LEAK = os.environ.get("LEAK")  # plants a leak, so that the suite itself can be tried

forgotten: list[object] = []


class Service:
    """Messages, sessions, and for each session a directory of the messages in its room."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.messages: InputDirectory[int, tuple[str, str]] = store.mkdir("/messages/")
        self.sessions: InputDirectory[int, str] = store.mkdir("/sessions/")
        by_room: Directory[tuple[str] | tuple[str, float], str] = self.messages.map(
            "/by-room/", lambda number, values: [((values[0][0], number), values[0][1])]
        )

        def view(session: int, rooms: tuple[str, ...]) -> list[tuple[int, str]]:
            room = rooms[0]
            made = by_room.slice(DirName("/views/") / session, (room,), (room, float("inf")))
            return [(session, made.name)]

        self.views = self.sessions.map("/view-of/", view)

    def post(self, number: int, room: str, text: str) -> None:
        """Put a message into a room."""
        self.messages[number] = (room, text)

    def visit(self, session: int, room: str) -> list[str]:
        """Open a session, read what it sees as a browser would, and end it."""
        self.sessions[session] = room
        seen: list[str] = []
        cursor = self.store[self.views[session]].cursor()
        changes = cursor.poll()
        assert changes is not None  # first it tells all there is
        for values in changes.entries.values():
            seen.extend(values)
        if LEAK == "python":
            forgotten.append(bytearray(4096))
        if LEAK == "cursor":
            forgotten.append(cursor)
        else:
            cursor.close()
        del self.sessions[session]
        return seen
