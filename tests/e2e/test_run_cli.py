"""`serinus run` and its exit codes; what every command does with wrong arguments and files."""
import json
import os
import threading

import pytest
from conftest import TOP, WINDOW, demo_config, run_cli

CONFIG = os.path.join(TOP, "fixtures/demo/canary-config.json")


def run(prometheus, canary, *more, config=CONFIG, **how):
    return run_cli("run", "-f", config, "--prometheus", prometheus.url, "--baseline", "v41", "--canary", canary,
                   "--baseline-location", "baseline", "--canary-location", "canary",
                   "--start", WINDOW[0], "--end", WINDOW[1], *more, **how)


@pytest.mark.smoke
@pytest.mark.parametrize("canary, code, word", [("v42", 0, "PASS"), ("v43", 11, "FAIL"), ("v47", 12, "NODATA")])
def test_words_equal_codes(prometheus, canary, code, word):
    done = run(prometheus, canary, "-o", "table")
    assert done.returncode == code, done.stdout + done.stderr
    assert word in done.stdout.splitlines()[0].upper()


def test_marginal(prometheus):
    # Only the two latency metrics are High in v44: 70 points.
    done = run(prometheus, "v44", "--marginal", "70", "--pass", "95")
    assert done.returncode == 10, done.stdout + done.stderr
    assert run(prometheus, "v44", "--marginal", "71", "--pass", "95").returncode == 11
    assert run(prometheus, "v44", "--marginal", "40", "--pass", "70").returncode == 0


def test_allow_and_exit_zero(prometheus):
    assert run(prometheus, "v44", "--marginal", "70", "--allow", "marginal").returncode == 0
    assert run(prometheus, "v43", "--exit-zero").returncode == 0
    assert run(prometheus, "v43", "--allow", "marginal").returncode == 11
    unknown = run(prometheus, "v42", "--allow", "marginal,margnal")
    assert unknown.returncode == 64 and "margnal" in unknown.stderr


@pytest.mark.smoke
def test_json_is_the_only_thing_on_stdout(prometheus):
    done = run(prometheus, "v43", "-o", "json")
    assert done.returncode == 11
    assert isinstance(json.loads(done.stdout), dict)


def test_a_file_may_be_called_kayenta(prometheus, tmp_path):
    # json=kayenta is a format, json=kayenta.json the report in a file of that name
    report = tmp_path / "kayenta.json"
    done = run(prometheus, "v42", "-o", "json=kayenta.json", cwd=tmp_path)
    assert done.returncode == 0 and not done.stdout, done.stderr
    assert json.loads(report.read_text())["schema"] == "serinus.report/v1"
    done = run(prometheus, "v42", "-o", "json=kayenta=kayenta.json", cwd=tmp_path)
    assert done.returncode == 0 and not done.stdout, done.stderr
    assert "judgeResult" in json.loads(report.read_text())["result"]


def test_the_table_names_each_failing_metric_and_its_reason(prometheus):
    out = run(prometheus, "v43", "-o", "table").stdout
    for metric in ("latency_p99", "latency_p50", "error_ratio"):
        assert metric in out
    assert "High" in out and "Errors" in out
    assert all(len(line) <= 80 for line in out.splitlines()), out


def test_a_store_that_is_not_there_is_69_once_no_try_is_left():
    class Nowhere:
        url = "http://127.0.0.1:1"

    done = run(Nowhere, "v42", "--timeout", "2s")
    assert done.returncode == 69, done.stderr
    assert "connect to 127.0.0.1 port 1" in done.stderr and done.stdout == ""


def test_a_store_that_never_answers_runs_into_the_time_out(scripted_store):
    gate = threading.Event()
    scripted_store.answer = lambda path, query: (gate.wait(20), (200, {}, b""))[1]
    done = run(scripted_store, "v42", "--timeout", "2s")
    gate.set()
    assert done.returncode == 124, done.stderr
    assert "timed out after" in done.stderr or "in the time given" in done.stderr  # whose clock is first
    assert done.stdout == ""


def test_a_store_that_refuses_is_69(scripted_store):
    scripted_store.answer = lambda path, query: (400, {}, b'{"status":"error","error":"unknown function"}')
    done = run(scripted_store, "v42")
    assert done.returncode == 69
    assert "unknown function" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("arguments, code, word", [
    ([], 64, "usage"),
    (["replya"], 64, "replay"),
    (["run", "--nobody"], 64, "nobody"),
    (["run"], 64, ""),
    (["run", "-f"], 64, ""),
    (["judge", "-f", "/nonexistent/c.json", "--pairs", "/nonexistent/p.json"], 66, "/nonexistent"),
    (["replay", "/nonexistent/b.json"], 66, "/nonexistent"),
    (["replay", "Makefile"], 65, "Makefile"),
    (["serve", "--config", "/nonexistent/k.yml"], 66, "/nonexistent"),
])
def test_wrong_arguments(arguments, code, word):
    done = run_cli(*arguments)
    assert done.returncode == code, done.stderr
    assert word in done.stderr
    assert done.stdout == ""


def test_a_config_that_is_wrong_is_65(prometheus, tmp_path):
    for name, text in (("broken.json", "{"), ("list.json", "[]"), ("no-metrics.json", '{"name":"x","metrics":[]}')):
        path = tmp_path / name
        path.write_text(text)
        done = run(prometheus, "v42", config=path)
        assert done.returncode == 65, (name, done.stderr)
        assert done.stderr


def test_settings_that_are_wrong_are_78(tmp_path):
    for name, text, word in (
            ("port", "server: {port: 8090x}\n", "port"),
            ("yaml", "a: [\n", "yaml.yml:2"),
            ("alias", "a: &a [*a]\n", ""),
            ("url", "kayenta: {prometheus: {enabled: true, accounts: [{name: p, endpoint: {baseUrl: 'file:///etc'}}]}}\n", "baseUrl"),
            ("open", "server: {address: 0.0.0.0, port: 8099}\n", "auth")):
        path = tmp_path / f"{name}.yml"
        path.write_text(text)
        done = run_cli("serve", "--config", path, "--data-dir", tmp_path / "data", timeout_s=20)
        assert done.returncode == 78, (name, done.returncode, done.stderr)
        assert word in done.stderr, (name, done.stderr)


def test_help_and_version():
    for arguments in (["help"], ["help", "run"], ["run", "-h"], ["serve", "--help"], ["version"], ["--version"]):
        done = run_cli(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        assert done.stdout


def test_yaml_example(prometheus):
    done = run(prometheus, "v43", config=os.path.join(TOP, "examples/canary.yml"))
    assert done.returncode == 11, done.stdout + done.stderr


def test_the_config_may_come_from_standard_input(prometheus):
    done = run_cli("run", "-f", "-", "--prometheus", prometheus.url, "--baseline", "v41", "--canary", "v42",
                   "--baseline-location", "baseline", "--canary-location", "canary",
                   "--start", WINDOW[0], "--end", WINDOW[1], stdin=json.dumps(demo_config()))
    assert done.returncode == 0, done.stderr
