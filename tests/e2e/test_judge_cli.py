"""serinus judge and serinus stats on the command line: exit codes, formats, bad lines."""

import json
import os
import pathlib
import resource
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SERINUS", str(TOP / "build" / "serinus"))

LOW, HIGH = [1.0, 2.2, 1.1, 2.5, 3.0], [20.0, 22.0, 21.0, 25.0, 30.0]


def run(*args, text=""):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    return subprocess.run([BINARY, *args], input=text, capture_output=True, text=True, timeout=60,
                          check=False, env=environment)


def pair(name, control, experiment):
    return {"name": name, "id": name, "tags": {},
            "values": {"control": control, "experiment": experiment}}


def metric(name, **settings):
    return {"name": name, "groups": ["g"], "analysisConfigurations": {"canary": settings}}


def config(*metrics):
    return {"name": "checkout", "metrics": list(metrics), "classifier": {"groupWeights": {"g": 100}}}


def case(case_id, pairs, **kwargs):
    return {"id": case_id, "config": config(metric("a"), metric("b")),
            "thresholds": {"pass": 95, "marginal": 45}, "metricSetPairs": pairs, **kwargs}


PASSING = [pair("a", LOW, LOW), pair("b", LOW, LOW)]
HALF = [pair("a", LOW, LOW), pair("b", LOW, HIGH)]
FAILING = [pair("a", LOW, HIGH), pair("b", LOW, HIGH)]
NODATA = [pair("a", LOW, []), pair("b", LOW, LOW)]


@pytest.mark.parametrize("pairs, code, word", [
    (PASSING, 0, "PASS"), (HALF, 10, "MARGINAL"), (FAILING, 11, "FAIL"), (NODATA, 12, "NODATA")])
def test_words_equal_codes(tmp_path, pairs, code, word):
    (tmp_path / "config.json").write_text(json.dumps(config(metric("a"), metric("b"))))
    (tmp_path / "pairs.json").write_text(json.dumps(pairs))
    args = ["judge", "-f", str(tmp_path / "config.json"), "--pairs", str(tmp_path / "pairs.json"),
            "--pass", "95", "--marginal", "45"]
    done = run(*args)
    assert done.returncode == code, done.stderr
    assert done.stdout.split()[1] == word
    assert "\033" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert not done.stderr
    reply = run(*args, "--output", "json=kayenta")
    assert reply.returncode == code
    assert json.loads(reply.stdout)["judgeName"] == "NetflixACAJudge-v1.0"
    report = json.loads(run(*args, "--output", "json").stdout)
    assert report["schema"] == "serinus.report/v1" and report["judge"] == "NetflixACAJudge-v1.0"


def test_yaml_config_and_one_document(tmp_path):
    (tmp_path / "canary.yml").write_text(
        "name: checkout\nmetrics:\n  - name: a\n    groups: [g]\n  - name: b\n    groups: [g]\n"
        "classifier: {groupWeights: {g: 100}, scoreThresholds: {pass: 40, marginal: 20}}\n")
    (tmp_path / "pairs.json").write_text(json.dumps(HALF))
    done = run("judge", "-f", str(tmp_path / "canary.yml"), "--pairs", str(tmp_path / "pairs.json"))
    assert done.returncode == 0, done.stderr  # the config's own thresholds, when nothing else is given
    whole = {"canaryConfig": config(metric("a"), metric("b")), "metricSetPairList": HALF,
             "scoreThresholds": {"pass": 50, "marginal": 20}}
    done = run("judge", "--pairs", "-", text=json.dumps(whole))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("args, code", [
    (["judge"], 64), (["judge", "--pairs"], 64), (["judge", "--bogus"], 64),
    (["judge", "--batch", "surplus"], 64), (["judge", "--pairs", "x", "-o", "html"], 64),
    (["judge", "--pairs", "/nonexistent/pairs.json"], 66), (["stats"], 64), (["judge", "-h"], 0)])
def test_usage(args, code):
    assert run(*args).returncode == code


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "{\"canaryConfig\": 5}", "[]"])
def test_bad_document(text):
    done = run("judge", "--pairs", "-", text=text)
    assert done.returncode == 65
    assert done.stderr.startswith("serinus judge: ")
    assert not done.stdout


def test_bad_lines_do_not_stop_a_batch():
    lines = [json.dumps(case(1, PASSING)), "{not json", json.dumps(case("two", FAILING)),
             json.dumps({"id": [3]}), json.dumps(case(None, [pair("nobody", LOW, LOW)])),
             json.dumps({"id": 6, "canaryConfig": config(metric("a")),
                         "scoreThresholds": {"pass": 2, "marginal": 1},
                         "metricSetPairList": [pair("a", LOW, HIGH)]})]
    done = run("judge", "--batch", text="\n".join(lines))  # no newline at the end
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 65
    assert [a["id"] for a in answers] == [1, None, "two", [3], None, 6]
    assert [("error" in a) for a in answers] == [False, True, False, True, True, False]
    assert "Could not find metric config for nobody" in answers[4]["error"]
    assert answers[5]["result"]["score"]["classification"] == "Fail"


def test_a_batch_skips_blank_lines():
    one = json.dumps({"id": 1, "kind": "mannwhitney", "inputs": {"x": [1, 2], "y": [3, 4]}})
    done = run("stats", "--batch", text=f"\n{one}\r\n\r\n \t\n{one}\n\n")
    assert done.returncode == 0
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 1]


@pytest.mark.parametrize("command", ["judge", "stats", "collect"])
def test_a_line_may_be_too_long(command):
    def limit_memory():
        resource.setrlimit(resource.RLIMIT_AS, (280 << 20, 280 << 20))

    good = {"judge": json.dumps(case(2, PASSING)),
            "stats": '{"id":2,"kind":"mannwhitney","inputs":{"x":[1,2],"y":[3,4]}}',
            "collect": '{"id":2,"store":"prometheus","queryText":"up",'
                       '"scope":{"start":0,"end":60,"step":60}}'}[command]
    with subprocess.Popen([BINARY, command, "--batch"], stdin=subprocess.PIPE, text=True,
                          stdout=subprocess.PIPE, preexec_fn=limit_memory) as process:
        for _ in range(300):  # MiB in one line
            process.stdin.write("x" * (1 << 20))
        out, _ = process.communicate("\n" + good + "\n", timeout=60)
    answers = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 65
    assert "67108864" in answers[0]["error"]
    assert answers[1]["id"] == 2 and "error" not in answers[1]


@pytest.mark.parametrize("cases, code", [
    ([PASSING, PASSING], 0), ([PASSING, HALF], 10), ([HALF, NODATA], 12), ([NODATA, FAILING], 11),
    ([], 0)])
def test_a_batch_ends_with_its_worst_verdict(cases, code):
    text = "".join(json.dumps(case(i, pairs)) + "\n" for i, pairs in enumerate(cases))
    assert run("judge", "--batch", text=text).returncode == code


def test_unknown_judge():
    one = case(1, PASSING)
    one["config"]["judge"] = {"name": "nobody"}
    answer = json.loads(run("judge", "--batch", text=json.dumps(one)).stdout)
    assert answer["error"] == "Unable to resolve canary judge 'nobody'."


def test_stats_lines():
    requests = [
        {"id": 1, "kind": "mannwhitney", "inputs": {"x": [10, 20, 30, 40], "y": [1, 2, 3, 4]},
         "params": {"conf": 0.95}},
        {"id": 2, "kind": "mannwhitney", "inputs": {"x": [], "y": [1]}},
        {"id": 3, "kind": "cohenD", "inputs": {}},
        {"id": 4, "kind": "mannwhitney", "inputs": {"x": [1, None], "y": [1]}},
        {"id": 5, "kind": "mannwhitney", "inputs": {"x": ["Infinity", 1, 2, 3], "y": [1, 2, 3, 4]}},
    ]
    done = run("stats", "--batch", text="\n".join(map(json.dumps, requests)) + "\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 65
    assert answers[0]["result"] == {"lower": 6.0, "upper": 39.0, "estimate": 22.5}
    assert ["error" in a for a in answers] == [False, True, True, True, False]
    assert answers[4]["result"]["upper"] == "Infinity"
