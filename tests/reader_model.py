"""What readers must be told: a model over a log of all versions, which is never purged.

The log has the version that each commit left: what directories there were, of which generation, with which
rows. All else is computed from it, slowly: what changed since a tick, which removals are remembered and for
whom, and what each reader must be told. Directories that `previous()` gives stand in it under a name that
ends with "previous".
"""

from dataclasses import dataclass, field

PREVIOUS = "previous"


@dataclass(frozen=True)
class Dir:
    """One directory in one version. At commits, a generation is told by the tick at which it was made."""

    created: int
    rows: dict  # key -> values
    stamp: int
    since: int  # from which tick the name was there
    keys: dict = field(default_factory=dict)  # key -> (from which tick it was there, its stamp)


@dataclass(frozen=True)
class Life:
    """Of a name or key, that ended."""

    of: object
    since: int
    removed: int


@dataclass
class Removals:
    """What is remembered of the removals among the directories of a store, or the keys of one directory."""

    lives: list = field(default_factory=list)
    floor: int = 1

    def purge(self, horizon):
        """Forgets what ended before the horizon, and answers it."""
        gone = [life for life in self.lives if life.removed < horizon]
        self.lives = [life for life in self.lives if life.removed >= horizon]
        self.floor = max([self.floor, *(life.removed + 1 for life in gone)])
        return gone

    def tombstones(self, live):
        """The stamp of the tombstone of each that is not there now."""
        return {life.of: life.removed for life in self.lives if life.of not in live}


class Reader:
    """A cursor, or a subscription, which every commit polls. `of`: its directory's name; None: the store."""

    def __init__(self, of, position, known, owes):
        self.of, self.position, self.known, self.owes = of, position, known, owes
        self.expired = False
        self.held = set() if of is None else {}  # what it holds, from what it was told alone

    def hold(self, told):
        """Takes what it was told into what it holds: removals of what it does not hold are none."""
        tick, reset, *news = told
        if self.of is None:
            changed, removed = news
            self.held = set() if reset else self.held
            assert removed <= self.held, "told of the removal of what was not there"
            self.held = (self.held | changed) - removed
            return
        _, entries = news
        self.held = {} if reset else self.held
        for key, values in entries:
            if values:
                self.held[key] = values
            else:
                del self.held[key]


class Model:
    def __init__(self, history, max_lag):
        self.history, self.max_lag = history, max_lag
        self.log = [{}, {}]  # by tick; there was no tick 0
        self.dirs = Removals()
        self.keys = {}  # name -> Removals, of the present generation
        self.cursors, self.subscriptions = {}, {}
        self.purged = 0

    @property
    def tick(self):
        return len(self.log) - 1

    @property
    def now(self):
        return self.log[-1]

    def at(self, position):
        return self.log[max(1, position)]

    # -- what changed since a tick

    def names(self, version):
        return {name for name in version if not name.endswith(PREVIOUS)}

    def changes(self, since, anew=False):
        """(tick, reset, changed, removed)"""
        now = self.names(self.now)
        if anew or since < self.dirs.floor:
            return self.tick, True, now, set()
        changed = {name for name in now if self.now[name].stamp >= since}
        return self.tick, False, changed, self.names(self.at(since)) - now

    def key_changes(self, name, since, anew=False):
        """(tick, reset, removed, entries)"""
        there = self.now[name]
        if anew or since < self.keys[name].floor or since <= there.created:
            return self.tick, True, False, list(there.rows.items())
        before = self.at(since)[name]
        gone = [(key, ()) for key in before.rows if key not in there.rows]
        changed = [(key, values) for key, values in there.rows.items() if there.keys[key][1] >= since]
        return self.tick, False, False, sorted(changed + gone)

    # -- readers

    def known_at(self, name, position):
        """The generation that a reader at this position knows by the name, as far as that is remembered."""
        now, then = self.now[name], self.at(position).get(name)
        if now.created < position:
            return now.created
        lives = [life for life in self.dirs.lives if life.of == name]
        ended = any(life.since < position <= life.removed for life in lives)
        remembered = then is not None and (now.since < position or ended)
        return then.created if remembered else None

    def open(self, of, since):
        """A cursor made between transactions, or in one on what was there before."""
        position = self.tick if since is None else since
        if of is None:
            reader = Reader(of, position, None, since is None or since < self.dirs.floor)
            reader.held = set(self.names(self.at(position)))
        else:
            known = self.known_at(of, position)
            reader = Reader(of, position, known, since is None or since < self.keys[of].floor)
            if known is not None:
                reader.held = dict(self.at(position)[of].rows)
        return reader

    def subscribe(self, name):
        """A subscription to what is there."""
        reader = Reader(name, self.tick, self.now[name].created, False)
        reader.held = dict(self.now[name].rows)
        return reader

    def bind(self, reader):
        """A reader of what the transaction made begins when it commits."""
        there = self.now.get(reader.of)
        reader.position, reader.known = self.tick, there and there.created
        reader.held = dict(there.rows) if there else {}

    def poll(self, reader):
        """What it must be told, or None; it moves on all the same."""
        told = self.told(reader)
        reader.known = self.now[reader.of].created if reader.of in self.now else None
        reader.position, reader.owes, reader.expired = self.tick, False, False
        if told is not None:
            reader.hold(told)
            if reader.of is None:
                holds = self.names(self.now)
            else:
                holds = self.now[reader.of].rows if reader.of in self.now else {}
            assert reader.held == holds, f"told {told}, it holds {reader.held} of {holds}"
        return told

    def told(self, reader):
        if reader.of is None:
            told = self.changes(reader.position, reader.owes)
            return told if told[1] or told[2] or told[3] else None
        if reader.of not in self.now:
            return None if reader.known is None else (self.tick, True, True, [])
        anew = reader.owes or reader.known != self.now[reader.of].created
        told = self.key_changes(reader.of, reader.position, anew)
        return told if told[1] or told[3] else None

    # -- commits

    def note_previous(self, name, rows):
        """A previous directory, made between transactions, as if it had been there at the last commit."""
        made = self.tick - 1
        self.now[name] = Dir(made, rows, made, made, dict.fromkeys(rows, (made, made)))
        self.keys[name] = Removals()

    def commit(self, found):
        """A transaction left this: name -> (created, rows). Answers what each subscription must be told."""
        stamp, before = self.tick, self.now
        after = {name: self.next_dir(stamp, before.get(name), *there) for name, there in found.items()}
        self.log.append(after)
        for name, was in before.items():
            there = after.get(name)
            if there is None and not name.endswith(PREVIOUS):
                self.dirs.lives.append(Life(name, was.since, stamp))
            elif there is not None and there.created == was.created:
                gone = [Life(key, was.keys[key][0], stamp) for key in was.rows if key not in there.rows]
                self.keys[name].lives += gone
        for name in {*before, *after}:
            if name not in after:
                del self.keys[name]
            elif name not in before or before[name].created != after[name].created:
                self.keys[name] = Removals()
        told = {name: self.poll(reader) for name, reader in self.subscriptions.items()}
        self.purge()
        self.expire()
        self.purge()
        return told

    def next_dir(self, stamp, was, created, rows):
        if was is None or was.created != created:
            since = stamp if was is None else was.since
            return Dir(created, rows, stamp, since, dict.fromkeys(rows, (stamp, stamp)))
        keys = {}
        for key, values in rows.items():
            since, last = was.keys.get(key, (stamp, stamp))
            keys[key] = (since, last if was.rows.get(key) == values else stamp)
        changed = rows != was.rows
        return Dir(created, rows, stamp if changed else was.stamp, was.since, keys)

    def horizon(self, *of):
        """The smallest position of the cursors that pin (of one thing, or of all); None: there is none."""
        positions = (c.position for c in self.cursors.values() if not c.expired and (not of or c.of == of[0]))
        return min(positions, default=None)

    def purge(self):
        recent = self.tick - self.history
        each = [(None, self.dirs, self.names(self.now))]
        each += [(name, self.keys[name], there.rows) for name, there in self.now.items()]
        for of, removals, live in each:
            horizon = self.horizon(of)
            gone = removals.purge(recent if horizon is None else min(horizon, recent))
            self.purged += sum(life.of not in live for life in gone)

    def expire(self):
        for cursor in self.cursors.values():
            removals = self.dirs if cursor.of is None else self.keys.get(cursor.of, Removals())
            pins = any(life.removed >= cursor.position for life in removals.lives)
            if self.max_lag is not None and self.tick - cursor.position > self.max_lag and pins:
                cursor.expired = cursor.owes = True

    def figures(self):
        """What `stats()` must say."""
        dirs = self.dirs.tombstones(self.now)
        keys = [self.keys[name].tombstones(there.rows) for name, there in self.now.items()]
        stamps = [*dirs.values(), *(stamp for each in keys for stamp in each.values())]
        horizon = self.horizon()
        return {
            "tick": self.tick,
            "dirs": len(self.names(self.now)),
            "dir_tombstones": len(dirs),
            "key_tombstones": sum(map(len, keys)),
            "oldest_tombstone": min(stamps, default=None),
            "purged": self.purged,
            "horizon": self.tick if horizon is None else horizon,
            "cursors": len(self.cursors),
        }
