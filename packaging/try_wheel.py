"""Try the wheel in dist/ as somebody who has just installed it: in an empty environment, no cargo on PATH.

It must install alone, be imported in under 30 ms, run the README's code and `examples/typed_tour.py`, and its
types must satisfy mypy --strict and pyright, which look at the installed package and at no source.

    python packaging/try_wheel.py                        with the Python that runs this
    python packaging/try_wheel.py python3.11 python3.14  with these
    python packaging/try_wheel.py --smoke                without type checkers, where there are none
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
TOUR = ROOT / "examples" / "typed_tour.py"
BOUND = 30_000  # microseconds
IMPORTS = 10
MOST_IMPORTS = 60  # where none of those was under the bound, as on a machine with much else to do

# Each block of the README goes on from the last.
README = """
import doctest, re, sys
names, text = {}, open(sys.argv[1], encoding="utf-8").read()
blocks = re.findall(r"^```python\\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
for block in blocks:
    test = doctest.DocTestParser().get_doctest(block, {}, "README.md", "README.md", 0)
    test.globs = names
    results = doctest.DocTestRunner().run(test, clear_globs=False)
    assert results.attempted and not results.failed, results
assert blocks
"""


class Trial:
    """An empty environment with nothing but the wheel in it, in a folder far from the sources."""

    def __init__(self, python: str, wheel: Path, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "venv"
        found = os.environ["PATH"].split(os.pathsep)
        path = [part for part in found if part != str(BIN) and not shutil.which("cargo", path=part)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYO3"))}
        self.environment = {**kept, "PATH": os.pathsep.join(path)}
        assert not shutil.which("cargo", path=self.environment["PATH"])
        self.run(python, "-m", "venv", str(self.home))
        self.python = self.home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.environment["PATH"] = os.pathsep.join([str(self.python.parent), *path])  # as if activated
        self.run(
            self.python, "-m", "pip", "--quiet", "install", "--no-index", "--only-binary=:all:", str(wheel)
        )

    def run(self, *command: str | Path) -> str:
        """Run a command there; what it printed, on both streams."""
        answer = subprocess.run(
            command, cwd=self.folder, env=self.environment, check=False, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if answer.returncode:
            raise SystemExit(f"$ {' '.join(map(str, command))}\n{answer.stdout}")
        return answer.stdout

    def import_times(self) -> list[int]:
        """Give what `import livedirs` takes once its files are compiled, in microseconds."""
        times: list[int] = []
        while len(times) < IMPORTS or (min(times) >= BOUND and len(times) < MOST_IMPORTS):
            told = self.run(self.python, "-X", "importtime", "-c", "import livedirs")
            times.append(int(re.findall(r"\|\s*(\d+) \| livedirs$", told, re.MULTILINE)[-1]))
        return times


def check(name: str, outcome: str) -> None:
    print(f"  {name:<12} {outcome}", flush=True)


def attempt(python: str, wheel: Path, folder: Path) -> Trial:
    trial = Trial(python, wheel, folder)
    version = trial.run(trial.python, "-VV").strip()
    print(f"{wheel.name} in {version}")
    where = trial.run(trial.python, "-c", "import livedirs; print(livedirs.__file__)").strip()
    assert Path(where).is_relative_to(folder.resolve()), where
    check("install", "alone, with no cargo on PATH")
    times = trial.import_times()
    check("import", f"{min(times) / 1000:.1f} ms, the least of {len(times)} (bound: {BOUND // 1000} ms)")
    if min(times) >= BOUND:
        raise SystemExit("it takes too long to be imported")
    trial.run(trial.python, "-X", "dev", "-W", "error", "-c", README, ROOT / "README.md")
    check("README", "its code does what it shows")
    tour = shutil.copy(TOUR, folder)
    trial.run(trial.python, "-X", "dev", "-W", "error", tour)
    check("tour", "the whole API runs")
    return trial


def check_types(trial: Trial) -> None:
    told = trial.run(
        BIN / "mypy", "--strict", "--no-incremental", "--python-executable", trial.python, TOUR.name
    )
    check("mypy", told.strip())
    (trial.folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "include": ["*.py"]}')
    told = trial.run(BIN / "pyright", "--pythonpath", trial.python)
    check("pyright", told.strip().splitlines()[-1])
    told = trial.run(
        BIN / "pyright", "--pythonpath", trial.python, "--verifytypes", "livedirs", "--ignoreexternal"
    )
    check("public API", re.findall(r"Type completeness score: .*", told)[0])  # below 100% is an error


def main() -> None:
    wheels = sorted((ROOT / "dist").glob("*.whl"))
    if len(wheels) != 1:
        raise SystemExit(f"one wheel is due in dist/, there are {len(wheels)}: first run `make wheel`")
    smoke = "--smoke" in sys.argv
    for python in [name for name in sys.argv[1:] if name != "--smoke"] or [sys.executable]:
        with tempfile.TemporaryDirectory() as folder:
            trial = attempt(python, wheels[0], Path(folder))
            if not smoke:
                check_types(trial)


if __name__ == "__main__":
    main()
