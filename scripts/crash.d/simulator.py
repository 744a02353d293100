#!/usr/bin/env python3
"""Builds the simulator alone (the engine and its worlds, without a database), with or without deliberate faults.

    simulator.py build FOLDER            makes the package in FOLDER and builds it for the long runs
    simulator.py faults FOLDER [WORDS]   puts each fault of faults.py into a copy and tells whether the simulator finds it
"""
import os
import re
import subprocess
import sys
import time

import faults

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITES = ["SimulationTests", "HostileWorldTests", "PiecesSimulationTests", "BudgetSimulationTests", "SteeredSimulationTests",
          "SharingSimulationTests", "RivalsSimulationTests", "WorldShrinkTests"]
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
# A test that hangs has found the fault as well.
PATIENCE = 300


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
    wanted.update(f"Tests/BackfillTests/{suite}.swift" for suite in SUITES)
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


def test(folder):
    """Returns the first thing that a test says against the engine; nil where all pass."""
    command = ["swift", "test", "--skip-build", "--disable-xctest"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=True)
            process.communicate()
            return f"no end after {PATIENCE} s"
    if process.returncode == 0:
        return None
    lines = output.splitlines()
    for index, line in enumerate(lines):
        found = re.search(r'✘ Test (.*?) recorded an issue.*?(?:Expectation failed: (.*))?$', line)
        if found:
            seed = next((match for near in lines[index:index + 4] for match in re.findall(r"seed:? ?(?:→ )?(\d+)", near)), None)
            return f"{found.group(1)}{f', seed {seed}' if seed else ''}"
    return "the tests' process ended: " + (lines[-1] if lines else "")


def find(folder, words):
    make(folder)
    errors = build(folder) or [said for said in [test(folder)] if said]
    if errors:
        sys.exit("crash: the engine without a fault does not pass: " + "; ".join(errors[:3]))
    missed = 0
    tried = 0
    for name, file, old, new in faults.FAULTS:
        if words and not any(word in name for word in words):
            continue
        tried += 1
        path = f"{folder}/Sources/Backfill/{file}"
        with open(path) as opened:
            text = opened.read()
        if text.count(old) != 1:
            sys.exit(f"crash: the fault \"{name}\" fits {text.count(old)} places of {file}, not one: correct scripts/crash.d/faults.py")
        write(path, text.replace(old, new))
        began = time.time()
        errors = build(folder)
        said = test(folder) if not errors else None
        write(path, text)
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
        case _:
            sys.exit(__doc__)


main()
