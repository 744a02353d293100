#!/usr/bin/env python3
"""Builds the simulator alone (the engine and its worlds, without a database), with or without deliberate faults.

    simulator.py build FOLDER            makes the package in FOLDER and builds it for the long runs
    simulator.py faults FOLDER [WORDS]   puts each fault of faults.py into a copy and tells whether the simulator finds it
    simulator.py fit                     whether each fault has one place in the engine as it is now
"""
import itertools
import os
import re
import resource
import signal
import subprocess
import sys
import time

import faults

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITES = ["SimulationTests", "HostileWorldTests", "PiecesSimulationTests", "BudgetSimulationTests", "SteeredSimulationTests",
          "SharingSimulationTests", "RivalsSimulationTests", "SharedPoolTests", "WorldShrinkTests"]
# What the worlds need of the tests' support.
SUPPORT = ["SeededGenerator.swift", "EmbeddingsServer/ProviderQuota.swift"]
MANIFEST = """// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
  .unsafeFlags(["-O"]),
]
let package = Package(
  name: "vecfill",
  targets: [
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto"),
    .target(name: "Backfill", dependencies: ["CCrypto"], swiftSettings: settings),
    .target(name: "TestSupport", dependencies: ["Backfill"], swiftSettings: settings),
    .testTarget(name: "BackfillTests", dependencies: ["Backfill", "TestSupport"], swiftSettings: settings),
  ])
"""
# A test that hangs has found the fault as well: so many times the CPU of all of them on the engine without a fault.
PATIENCE = 3


def copy(source, target):
    """Copies what has changed, so that only that is built again."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(source) as file:
        text = file.read()
    write(target, text)


def write(target, text):
    if os.path.exists(target):
        with open(target) as file:
            if file.read() == text:
                return
    with open(target, "w") as file:
        file.write(text)


def make(folder):
    os.makedirs(folder, exist_ok=True)
    write(f"{folder}/Package.swift", MANIFEST)
    wanted = set()
    for name in ["Sources/Backfill", "Sources/CCrypto", "Tests/BackfillTests/Simulation"]:
        for place, _, files in os.walk(f"{ROOT}/{name}"):
            wanted.update(os.path.relpath(f"{place}/{file}", ROOT) for file in files)
    wanted.update(
        f"Tests/BackfillTests/{name}" for name in os.listdir(f"{ROOT}/Tests/BackfillTests")
        if name.removesuffix(".swift").split("+")[0] in SUITES)
    places = {path: path for path in wanted}
    places.update({f"Tests/TestSupport/{path}": f"Sources/TestSupport/{os.path.basename(path)}" for path in SUPPORT})
    for source, target in places.items():
        copy(f"{ROOT}/{source}", f"{folder}/{target}")
    for name in ["Sources", "Tests"]:
        for place, _, files in os.walk(f"{folder}/{name}"):
            for file in files:
                path = f"{place}/{file}"
                if os.path.relpath(path, folder) not in places.values():
                    os.remove(path)


# Optimised over whole modules: each change builds all of a module again.
RELEASE = ["-c", "release", "-Xswiftc", "-enable-testing"]


def build(folder, options=()):
    """Returns the errors; none where it was built."""
    run = subprocess.run(["swift", "build", "--build-tests", *options], cwd=folder, capture_output=True, text=True)
    if run.returncode == 0:
        return []
    return [line for line in (run.stdout + run.stderr).splitlines() if "error:" in line] or ["the build failed"]


def test(folder, suites="", seconds=None):
    """Returns the first thing that a test says against the engine, nil where all pass, and the CPU that it took.

    The tests end with the first complaint, or after so many seconds of CPU.
    """
    binary = os.path.abspath(f"{folder}/.build/debug/vecfillPackageTests.xctest")
    command = [binary, "--testing-library", "swift-testing", *(["--filter", suites] if suites else [])]
    limit = (lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))) if seconds else None
    said, lines = None, []
    began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          preexec_fn=limit) as process:
        for line in process.stdout:
            lines = lines[-20:] + [line.rstrip()]
            complaint = re.search(r"✘.* Test (.*?) (?:with .*? )?recorded an issue.*?(?:Expectation failed: (.{,90}).*)?$", line)
            if complaint:
                # The comment with the seed is in the next lines.
                lines = [line, *itertools.islice(process.stdout, 4)]
                seed = next((seed for near in lines for seed in re.findall(r"seed:? ?(?:→ )?(\d+)", near)), None)
                said = f"{complaint.group(1)}{f', seed {seed}' if seed else ''}: {complaint.group(2) or ''}"
                process.kill()
                break
    if said is None and any("Test run with 0 tests" in line for line in lines):
        sys.exit(f"crash: no test is called {suites}; correct scripts/crash.d/faults.py")
    took = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began
    if said is None and process.returncode == -signal.SIGXCPU:
        said = f"no end after {seconds} s of CPU"
    elif said is None and process.returncode != 0:
        said = "the tests' process ended: " + next((line for line in lines if "atal" in line), lines[-1] if lines else "")
    return said, took


def place(folder, file):
    return f"{folder}/Tests/BackfillTests/{file}" if file.startswith("Simulation/") else f"{folder}/Sources/Backfill/{file}"


def text(folder, name, file, old):
    """The file's text, which has the place of the fault once."""
    with open(place(folder, file)) as opened:
        found = opened.read()
    if found.count(old) != 1:
        sys.exit(f"crash: the fault \"{name}\" fits {found.count(old)} places of {file}, not one: correct scripts/crash.d/faults.py")
    return found


def find(folder, words):
    make(folder)
    errors = build(folder)
    said, took = test(folder) if not errors else (None, 0)
    if errors or said:
        sys.exit("crash: the engine without a fault does not pass: " + "; ".join([*errors[:3], *([said] if said else [])]))
    seconds = int(took * PATIENCE) + 10
    missed = tried = 0
    for name, file, old, new, *suites in faults.FAULTS:
        if words and not any(word in name for word in words):
            continue
        tried += 1
        path, before = place(folder, file), text(folder, name, file, old)
        write(path, before.replace(old, new))
        began = time.time()
        errors = build(folder)
        said, _ = test(folder, "|".join(suites), seconds) if not errors else (None, 0)
        write(path, before)
        if errors:
            sys.exit(f"crash: the fault \"{name}\" doesn't compile: {errors[0]}")
        missed += said is None
        print(f"{'MISSED' if said is None else 'found':7}{name}: {said or 'every test passes'} ({time.time() - began:.0f} s)", flush=True)
    print(f"figure: {tried - missed} of {tried} deliberate faults are found")
    sys.exit(1 if missed else 0)


def main():
    match sys.argv[1:]:
        case ["build", folder]:
            make(folder)
            errors = build(folder, RELEASE)
            if errors:
                sys.exit("crash: " + "\n".join(errors[:10]))
        case ["faults", folder, *words]:
            find(folder, words)
        case ["fit"]:
            for name, file, old, *_ in faults.FAULTS:
                text(ROOT, name, file, old)
        case _:
            sys.exit(__doc__)


main()
