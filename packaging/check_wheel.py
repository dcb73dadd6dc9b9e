"""Whether a wheel may be handed out: its size, what is in it, its licences, its tags, its description.

python packaging/check_wheel.py dist/*.whl

What a wheel for musl links with is looked at by maturin alone: auditwheel looks for the `libc.so` that zig
asks for on this machine, and breaks off at that of glibc, which is a text for linkers.
"""

import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST = 2_000_000  # bytes
LICENCES = ["LICENSE", "THIRD-PARTY-LICENSES.md"]
BIN = Path(sys.executable).parent


def faults(wheel: Path) -> list[str]:
    """What is wrong with it, as far as opening it tells."""
    found = []
    size = wheel.stat().st_size
    if size >= MOST:
        found.append(f"it has {size:,} bytes; {MOST:,} are the bound")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
        listed = Parser().parsestr(archive.read(f"{info}/METADATA").decode()).get_all("License-File", [])
        for name in LICENCES:
            inside = f"{info}/licenses/{name}"
            if inside not in names or name not in listed:
                found.append(f"{name} is not in it as {inside}, or METADATA does not list it")
            elif archive.read(inside) != (ROOT / name).read_bytes():
                found.append(f"{inside} is not the {name} of this folder")
    shipped = {name.removeprefix("livedirs/") for name in names if not name.startswith(info)}
    sources = {
        path.name for path in (ROOT / "python" / "livedirs").iterdir() if path.suffix in {".py", ".pyi"}
    }
    found += [f"livedirs/{name} is not in it" for name in sorted((sources | {"py.typed"}) - shipped)]
    modules = [name for name in shipped if re.fullmatch(r"_native\..*(so|pyd)", name)]
    if len(modules) != 1:
        found.append(f"it has {len(modules)} compiled modules, {modules}: one is due")
    if "manylinux" in wheel.name:
        with zipfile.ZipFile(wheel) as archive:
            own = [name for name in modules if b"libgcc_s.so.1" not in archive.read(f"livedirs/{name}")]
        # Daemon threads would end the process by a fault at the end of Python: see packaging/tuned_wheel.
        found += [f"{name} has an unwinder of its own: it does not link with libgcc_s" for name in own]
    found += [f"{name} has no place in it" for name in sorted(shipped - sources - {"py.typed", *modules})]
    return found


def ask(*command: str | Path) -> bool:
    """Run a tool, whose output is shown; whether it is content."""
    print("$", Path(command[0]).name, *command[1:], flush=True)
    return subprocess.run([BIN / command[0], *command[1:]], check=False).returncode == 0


def main() -> None:
    wheels = [Path(name) for name in sys.argv[1:]]
    if not wheels:
        raise SystemExit("no wheel is given: first run `make wheel`")
    content = True
    for wheel in wheels:
        found = faults(wheel)
        content &= not found
        print(f"{wheel.name}: {wheel.stat().st_size:,} bytes", *found, sep="\n  ")
        content &= ask("twine", "check", "--strict", wheel)
        content &= ask("check-wheel-contents", wheel)
        if "-abi3-" in wheel.name:
            content &= ask("abi3audit", "--strict", "--summary", wheel)
        if "manylinux" in wheel.name:
            content &= ask("auditwheel", "show", wheel)
        elif "linux" in wheel.name and "musllinux" not in wheel.name:
            content = False
            print("  its tag is that of this machine alone")
    if not content:
        raise SystemExit("not to be handed out")


if __name__ == "__main__":
    main()
