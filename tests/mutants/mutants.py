"""Breaks the code on purpose, one small change at a time, and tells which the tests do not notice.

    python tests/mutants/mutants.py                    all of them, a quarter of an hour
    python tests/mutants/mutants.py losses tracking    those of two lists
    python tests/mutants/mutants.py --only sampling    those whose names have the word

Each change stands in one of the .toml lists beside this file with the tests that have to turn red.
It is made in a copy of the package. First the tests run on the package as it is: they have to pass.
Exits with 1 where more than one in fifty survives.

350 of them took 12 minutes on two idle cores of an AMD EPYC; none survived.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = ROOT / "src/sgnet"
MOST_SURVIVORS = 0.02
TESTS_FAILED = 1  # pytest's exit status
LIBRARIES = [  # that many of the tests import, which takes longer than they do
    *("albumentations", "av", "hydra", "pycocotools.mask", "pytest", "pytorch_lightning"),
    "torchvision",
]
PROCESSES = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Mutant:
    """A change that makes the code wrong.

    Attributes:
        name: what goes wrong.
        file: of the package.
        old: a piece of it, which it has once.
        new: what takes its place.
        tests: files, or single tests, that have to notice.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The file as it is."""
        return PACKAGE / self.file

    def problem(self) -> str | None:
        """Why it cannot be made; None where it can."""
        if not self.path.is_file():
            return f"{self.name}: no file {self.file}"
        times = self.path.read_text(encoding="utf-8").count(self.old)
        if times != 1:
            return f"{self.name}: {self.file} must have the old text once, has it {times} times"
        if self.old == self.new:
            return f"{self.name}: changes nothing"
        missing = [test for test in self.tests if not _is_there(test)]
        return f"{self.name}: no tests {missing}" if missing or not self.tests else None

    def changed(self) -> str:
        """The file's text with the change."""
        return self.path.read_text(encoding="utf-8").replace(self.old, self.new)


def _is_there(test: str) -> bool:
    """Whether a file of tests exists, and the function where one is named."""
    file, _, name = test.partition("::")
    path = ROOT / file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return f"def {name.partition('[')[0]}(" in text if name else bool(text)


def mutants_of(names: Sequence[str] = ()) -> list[Mutant]:
    """The changes of some lists, by their files' names; of all without a name."""
    lists = sorted(HERE.glob("*.toml"))
    chosen = [path for path in lists if not names or path.stem in names]
    unknown = set(names) - {path.stem for path in chosen}
    if unknown:
        raise ValueError(f"lists must be among {[p.stem for p in lists]}, got {sorted(unknown)}")
    return [
        Mutant(**{**entry, "tests": tuple(entry["tests"])})
        for path in chosen
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    ]


def copied(package: Path, folder: str) -> Path:
    """A copy of the package in a folder."""
    target = Path(folder, "sgnet")
    shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def tests_status(tests: Sequence[str], source: Path) -> int:
    """Pytest's exit status with the package of another folder; it stops at the first failure.

    Its process is a copy of one that has imported the libraries where `main` asked for it.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ["-q", "-x", "-p", "no:cacheprovider", f"--basetemp={folder}/pytest"]
        process = PROCESSES.Process(target=_run, args=([*options, *tests], source))
        process.start()
        process.join()
    return process.exitcode or 0


def _run(arguments: list[str], source: Path) -> None:
    """Runs pytest without a word and ends this process with its status."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    path = [str(source), str(ROOT / "tests")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path)  # of processes that tests start
    sys.path[:0] = path
    os.chdir(ROOT)
    multiprocessing.set_start_method(None, force=True)  # tests start processes as they do elsewhere
    sys.exit(int(pytest.main(arguments)))


def survives(mutant: Mutant, package: Path = PACKAGE) -> bool:
    """Whether all of its tests pass with the change.

    Args:
        mutant: is made in a copy.
        package: that is copied.

    Raises:
        ValueError: the tests could not be run.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(package, folder)
        (copy / mutant.file).write_text(mutant.changed(), encoding="utf-8")
        status = tests_status(mutant.tests, Path(folder))
    if status not in (0, TESTS_FAILED):
        raise ValueError(f"{mutant.name}: its tests could not be run, pytest ended with {status}")
    return status == 0


def main(arguments: Sequence[str]) -> int:
    """Runs what was asked for; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lists", nargs="*", help="names of lists; all of them without one")
    parser.add_argument("--only", default="", help="a word of the names")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"
    PROCESSES.set_forkserver_preload(LIBRARIES)
    mutants = [m for m in mutants_of(given.lists) if given.only in m.name]
    problems = [p for p in (mutant.problem() for mutant in mutants) if p is not None]
    if problems or not mutants:
        sys.stderr.write("\n".join(problems or ["no such mutant"]) + "\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:  # the package may be edited meanwhile
        package = copied(PACKAGE, folder)
        tests = sorted({test for mutant in mutants for test in mutant.tests})
        if tests_status(tests, package.parent) != 0:
            sys.stderr.write("the tests have to pass before the code is changed, and do not\n")
            return 2
        survivors = []
        with ThreadPoolExecutor(given.jobs) as pool:
            alive = pool.map(partial(survives, package=package), mutants)
            for mutant, lives in zip(mutants, alive, strict=True):
                sys.stdout.write(f"{'SURVIVES' if lives else 'killed':8}  {mutant.name}\n")
                sys.stdout.flush()
                survivors += [mutant] * lives
    sys.stdout.write(f"{len(survivors)} of {len(mutants)} survive\n")
    return int(len(survivors) > MOST_SURVIVORS * len(mutants))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
