#!/usr/bin/python3
"""Build and run the tests, part by part, and say what ran and how long it took.

    tests/run.py                       everything that `make test` promises
    tests/run.py --only unit,e2e       some parts
    tests/run.py --flavour asan        all C tests and the end-to-end smoke under a sanitizer

The last line is `N passed, N failed`; the exit code is 0 only if nothing failed and something ran.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

PROGRAM_TIMEOUT_S = 300
CORES = os.cpu_count() or 2
PYTHON = "/usr/bin/python3"
GOLDEN = "tests/e2e/test_golden.py"
# Beside the rest of the end-to-end tests, because they wait more than they work.
BESIDE = {
    "faults": ["tests/e2e/test_restart.py", "tests/e2e/test_faults.py", "tests/e2e/test_history.py"],
    "time": ["tests/e2e/test_time.py"],
}
C_PARTS = {
    "unit": "tests/unit/*/*_test.c",
    "property": "tests/property/*_test.c",
    "integration": "tests/integration/*_test.c",
}
SANITIZED_SIM_RUNS = 8
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Tally:
    """What one part found."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, 0, 0, 0
        self.started = time.monotonic()
        self.seconds = 0.0

    def done(self):
        self.seconds = time.monotonic() - self.started
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(
            f"-- {self.name:<22}{self.passed:>6} passed {self.failed:>4} failed{skipped}"
            f"   {self.seconds:7.1f} s",
            flush=True,
        )
        return self


def run(argv, env=None, timeout_s=PROGRAM_TIMEOUT_S):
    """Exit code and everything printed. Its whole process group ends with it."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = "timeout"
        output.seek(0)
        return code, output.read().decode("utf-8", "replace")


def wrapped(argv, flavour):
    # TSan of gcc 12 cannot place its shadow memory where newer kernels randomise most.
    return ["setarch", "-R"] + argv if flavour == "tsan" else argv


def flavour_env(flavour):
    env = dict(os.environ)
    if flavour:
        env.update({name: os.environ.get(name, value) for name, value in SANITIZER_ENV.items()})
    return env


def run_c_program(program, flavour):
    """(program, passed, failed, skipped, output) of one cmocka program; a crash counts as a failure."""
    env = flavour_env(flavour)
    env["CMOCKA_MESSAGE_OUTPUT"] = "TAP"
    code, output = run(wrapped([program], flavour), env)
    skipped = len(re.findall(r"^ok \d+ .*# SKIP", output, re.M))
    passed = len(re.findall(r"^ok ", output, re.M)) - skipped
    failed = len(re.findall(r"^not ok ", output, re.M))
    if code != 0 and failed == 0 or code == 0 and passed + skipped == 0:
        failed += 1
        output += f"\n{program}: exit {code}, {passed} passed before that\n"
    return program, passed, failed, skipped, output


def c_part(name, sources, build, flavour):
    tally = Tally(name)
    programs = sorted(f"{build}/{source[:-2]}" for source in glob.glob(sources))
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        for program, passed, failed, skipped, output in pool.map(
            lambda program: run_c_program(program, flavour), programs
        ):
            tally.passed += passed
            tally.failed += failed
            tally.skipped += skipped
            if failed:
                print(f"== {program}\n{output}", flush=True)
    return tally.done()


def fuzz_part(name, build, flavour):
    """Every file of every corpus through its target, linked with a plain main."""
    tally = Tally(name)
    for source in sorted(glob.glob("tests/fuzz/fuzz_*.c")):
        target = os.path.basename(source)[len("fuzz_"):-2]
        corpus = sorted(glob.glob(f"tests/fuzz/corpus/{target}/*"))
        replay = f"{build}/tests/fuzz/replay_{target}"
        if not corpus:
            print(f"== {target}: no corpus in tests/fuzz/corpus/{target}", flush=True)
            tally.failed += 1
            continue
        code, output = run(wrapped([replay] + corpus, flavour), flavour_env(flavour))
        if code == 0:
            tally.passed += len(corpus)
            continue
        tally.failed += 1
        print(f"== {replay}: exit {code}\n{output[-8000:]}", flush=True)
    return tally.done()


def sim_part(name, build, flavour):
    """Every row of the judges' simulations. Under a sanitizer too few runs to ask for their bounds."""
    tally = Tally(name)
    argv = [os.path.join(build, "tests/sim/sim")]
    if flavour:
        print(f"== {name}: {SANITIZED_SIM_RUNS} runs a row, to see them run; bounds need 1,000", flush=True)
        argv += ["--runs", str(SANITIZED_SIM_RUNS)]
    code, output = run(wrapped(argv, flavour), flavour_env(flavour), timeout_s=900)
    tally.passed = len(re.findall(r"\| kept +\|$", output, re.M))
    tally.failed = len(re.findall(r"\| MISSED +\|$", output, re.M))
    if code != 0 and tally.failed == 0 or tally.passed == 0:
        tally.failed += 1
    if tally.failed:
        print(f"== {argv[0]}: exit {code}\n{output}", flush=True)
    return tally.done()


def pytest_part(name, build, flavour, *arguments):
    tally = Tally(name)
    report = os.path.join(build, f"pytest-{name.replace(' ', '-')}.xml")
    if os.path.exists(report):
        os.remove(report)
    env = flavour_env(flavour)
    env["SERINUS"] = os.path.join(build, "serinus")
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    if flavour == "tsan":
        env["SERINUS_WRAPPER"] = "setarch -R"
    code, output = run(
        [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}",
         f"--basetemp={report[:-len('.xml')]}", *arguments],
        env, timeout_s=1800,
    )
    if os.path.exists(report):
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            bad = int(suite.get("failures")) + int(suite.get("errors"))
            tally.skipped += int(suite.get("skipped"))
            tally.failed += bad
            tally.passed += int(suite.get("tests")) - bad - int(suite.get("skipped"))
    if code != 0 and tally.failed == 0 or tally.passed == 0:
        tally.failed += 1
    if tally.failed:
        print(output, flush=True)
    return tally.done()


def end_to_end(build, wanted):
    others = [GOLDEN, *(path for paths in BESIDE.values() for path in paths)]
    parts = {"e2e": ["tests/e2e", *(f"--ignore={path}" for path in others)], **BESIDE}
    with concurrent.futures.ThreadPoolExecutor(len(parts)) as pool:
        running = [pool.submit(pytest_part, name, build, None, *arguments)
                   for name, arguments in parts.items() if wanted(name)]
    return [part.result() for part in running]


def build_part(name, build, flavour, *targets):
    tally = Tally(name)
    argv = ["make", f"-j{CORES}", f"BUILD={build}", *targets]
    if flavour:
        argv += [f"FLAVOUR={flavour}", "CFLAGS=-O1 -g"]
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    code, output = run(argv, env, timeout_s=1800)
    if code != 0:
        print(output[-20000:], flush=True)
        tally.failed = 1
    tally.done()
    if tally.failed:
        print("0 passed, 1 failed", flush=True)
        sys.exit(1)


def flavoured(build, flavour, wanted):
    """Build under a sanitizer and run all C tests, the corpora and the end-to-end smoke with it."""
    build_part(f"build {flavour}", build, flavour, "all", "tests", "replayers")
    tallies = []
    for part, sources in C_PARTS.items():
        if wanted(part) and glob.glob(sources):
            tallies.append(c_part(f"{part} {flavour}", sources, build, flavour))
    if wanted("sim"):
        tallies.append(sim_part(f"sim {flavour}", build, flavour))
    if wanted("fuzz"):
        tallies.append(fuzz_part(f"fuzz corpora {flavour}", build, flavour))
    if wanted("e2e"):
        tallies.append(pytest_part(f"e2e smoke {flavour}", build, flavour, "-m", "smoke", "tests/e2e"))
    return tallies


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--flavour", choices=["asan", "ubsan", "tsan"])
    parser.add_argument("--only", default="", help="parts, comma separated: "
                        + ", ".join([*C_PARTS, "golden", "sim", "e2e", *BESIDE, "fuzz", "asan"]))
    args = parser.parse_args()
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    only = set(filter(None, args.only.split(",")))
    started = time.monotonic()

    def wanted(part):
        return not only or part in only

    # Locales and proxies of whoever runs this are none of the tests' business.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        os.environ.pop(name, None)
    if args.flavour:
        tallies = flavoured(os.path.join(args.build, args.flavour), args.flavour, wanted)
    else:
        tallies = []
        build_part("build", args.build, None, "all", "tests")
        for part, sources in C_PARTS.items():
            if wanted(part):
                tallies.append(c_part(part, sources, args.build, None))
        if wanted("golden"):
            tallies.append(pytest_part("golden", args.build, None, GOLDEN))
        if wanted("sim"):
            tallies.append(sim_part("sim", args.build, None))
        tallies += end_to_end(args.build, wanted)
        if wanted("asan"):
            tallies += flavoured(os.path.join(args.build, "asan"), "asan", lambda part: True)
    passed = sum(tally.passed for tally in tallies)
    failed = sum(tally.failed for tally in tallies)
    print(f"-- {'all':<22}{'':>26}   {time.monotonic() - started:7.1f} s")
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(0 if passed and not failed else 1)


if __name__ == "__main__":
    main()
