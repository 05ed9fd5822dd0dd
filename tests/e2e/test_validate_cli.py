"""`serinus validate`: every problem with its place, and the dry run."""
import datetime
import json
import math
import os
import random
import re
import xml.etree.ElementTree

import pytest
from conftest import TOP, WINDOW, empty_matrix, kayenta_yml, matrix, run_cli

CONFIG = os.path.join(TOP, "fixtures/demo/canary-config.json")
PROBLEM = re.compile(r"^(?P<file>.+):(?P<line>\d+):(?P<column>\d+): (?P<severity>error|warning) "
                     r"(?P<code>SRN\d+) (?P<pointer>/\S*): (?P<text>.+)$")

BAD_CONFIG = """\
name: my config
applications: []
judge: {name: NetflixACAJudge-v2.0}
metrics:
  - name: a
    scopName: default
    query: {type: prometheus, customFilterTemplate: nope, metricNam: x}
    groups: [Latency]
    analysisConfigurations:
      canary: {direction: up, critcal: true, critical: "yes", effectSize: {allowedIncrease: 0.1}}
      other: {}
  - name: a
    scopeName: default
    query: {type: promtheus}
  - name: [c]
    scopeName: default
    query: {type: prometheus, customInlineTemplate: "PromQL:up{v=\\"${scop}\\"}"}
    groups: ["X"]
templates: {t: foo}
classifier: {groupWeights: {Latency: 50, Error: 60}, scoreThresholds: {pass: 50, marginal: 75}}
"""


def validate(tmp_path, text, *more, name="canary.yml", command="validate", expected=True):
    path = tmp_path / name
    path.write_text(text)
    done = run_cli(command, path, *more)
    problems = []
    for line in done.stdout.splitlines() if expected and "json" not in more else []:
        match = PROBLEM.match(line)
        assert match, line
        problems.append(match.groupdict())
    return done, problems


def found(problems):
    return {(problem["severity"], problem["pointer"]): (int(problem["line"]), int(problem["column"]))
            for problem in problems}


@pytest.mark.smoke
def test_every_problem_of_a_config_has_its_place(tmp_path):
    done, problems = validate(tmp_path, BAD_CONFIG)
    assert done.returncode == 65
    places = found(problems)
    expected = {
        ("error", "/name"): (1, 7),
        ("error", "/applications"): (2, 15),
        ("warning", "/judge/name"): (3, 15),
        ("warning", "/metrics/0"): (5, 5),  # no scopeName
        ("warning", "/metrics/0/scopName"): (6, 5),
        ("warning", "/metrics/0/query"): (7, 12),  # the template
        ("warning", "/metrics/0/query/metricNam"): (7, 59),
        ("warning", "/metrics/0/analysisConfigurations/canary/direction"): (10, 27),
        ("warning", "/metrics/0/analysisConfigurations/canary/critcal"): (10, 31),
        ("error", "/metrics/0/analysisConfigurations/canary/critical"): (10, 56),
        ("warning", "/metrics/0/analysisConfigurations/canary/effectSize"): (10, 75),
        ("warning", "/metrics/0/analysisConfigurations/other"): (11, 14),
        ("error", "/metrics/1/name"): (12, 11),  # a again
        ("warning", "/metrics/1"): (12, 5),  # no group
        ("error", "/metrics/1/query/type"): (14, 19),
        ("error", "/metrics/2/name"): (15, 11),
        ("warning", "/metrics/2/query"): (17, 12),  # ${scop}
        ("warning", "/metrics/2/groups/0"): (18, 14),
        ("warning", "/templates/t"): (19, 16),
        ("warning", "/classifier/groupWeights/Error"): (20, 49),
        ("warning", "/classifier/groupWeights"): (20, 28),
        ("warning", "/classifier/scoreThresholds"): (20, 71),
    }
    assert places == expected
    text = done.stdout
    for word in ('did you mean "scopeName"?', 'did you mean "metricName"?', "NetflixACAJudge-v1.0", "${scope}",
                 "atlas", "add up to 110"):
        assert word in text, word


def test_json_files_have_places_too(tmp_path):
    config = {"name": "ok", "applications": ["x"], "classifier": {"groupWeights": {}}, "metrics": [
        {"name": "m", "scopeName": "default", "groups": ["g"], "quer\u00fd": 1,
         "query": {"type": "prometheus", "customInlineTemplate": "PromQL:up \u00e9 \U0001f600"}},
        {"name": "n", "scopeName": 7, "groups": "g", "query": {"type": "prometheus", "metricName": "up"}}]}
    done, problems = validate(tmp_path, json.dumps(config, indent=2), name="canary.json")
    lines = json.dumps(config, indent=2).splitlines()
    places = found(problems)
    line, column = places[("error", "/metrics/1/groups")]
    assert lines[line - 1][column - 1:] == '"g",' and done.returncode == 65


def test_a_good_config_has_no_problems(tmp_path):
    done = run_cli("validate", CONFIG, "--strict")
    assert done.returncode == 0 and done.stdout == "" and "no problems" in done.stderr
    assert run_cli("check-config", CONFIG, "-q").stderr == ""


def test_strict_makes_warnings_count(tmp_path):
    config = json.load(open(CONFIG, encoding="utf-8"))
    config["metrics"][0]["groups"] = []
    done, problems = validate(tmp_path, json.dumps(config))
    assert done.returncode == 0 and {problem["severity"] for problem in problems} == {"warning"}
    assert validate(tmp_path, json.dumps(config), "--strict")[0].returncode == 65


def test_as_json(tmp_path):
    done, _ = validate(tmp_path, BAD_CONFIG, "-o", "json")
    problems = json.loads(done.stdout)
    assert done.returncode == 65 and len(problems) >= 22
    assert set(problems[0]) == {"file", "line", "column", "severity", "code", "pointer", "message"}


def test_as_sarif(tmp_path):
    """For code scanning: every problem with its rule and its place."""
    name = "a canary #1.yml"
    done, _ = validate(tmp_path, BAD_CONFIG, "-o", "sarif", name=name, expected=False)
    plain = json.loads(validate(tmp_path, BAD_CONFIG, "-o", "json", name=name)[0].stdout)
    log = json.loads(done.stdout)
    assert done.returncode == 65 and log["version"] == "2.1.0" and len(log["runs"]) == 1
    rules = [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules) == len({problem["code"] for problem in plain})
    results = log["runs"][0]["results"]
    assert len(results) == len(plain)
    for result, problem in zip(results, plain):
        place = result["locations"][0]["physicalLocation"]
        assert rules[result["ruleIndex"]] == result["ruleId"] == problem["code"]
        assert (result["level"], result["message"]["text"]) == (problem["severity"], problem["message"])
        assert place["artifactLocation"]["uri"] == f"file://{tmp_path}/a%20canary%20%231.yml"
        assert place["region"] == {"startLine": problem["line"], "startColumn": problem["column"]}
        if problem["pointer"]:
            assert result["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": problem["pointer"]}]


def test_as_junit(tmp_path):
    """A suite for each file; what is in a document cannot break out of the XML."""
    text = BAD_CONFIG.replace("name: ", 'name: "<b>&\\u0001" #', 1)
    (tmp_path / "bad.yml").write_text(text)
    done = run_cli("validate", "-q", "-o", "junit", tmp_path / "bad.yml", CONFIG)
    plain = json.loads(run_cli("validate", "-o", "json", tmp_path / "bad.yml").stdout)
    n_errors = sum(problem["severity"] == "error" for problem in plain)
    suites = list(xml.etree.ElementTree.fromstring(done.stdout))
    assert done.returncode == 65 and [suite.tag for suite in suites] == ["testsuite"] * 2
    bad, good = suites
    assert int(bad.get("tests")) == int(bad.get("failures")) == n_errors == len(bad.findall("testcase/failure"))
    assert [case.find("failure").get("message") for case in bad.findall("testcase")] == [
        problem["message"].replace("\u0001", "?") for problem in plain if problem["severity"] == "error"]
    assert len(bad.find("system-out").text.splitlines()) == len(plain) - n_errors
    assert (good.get("tests"), good.get("failures")) == ("1", "0") and good.find("testcase/failure") is None


def test_a_dry_run_as_sarif_and_junit(scripted_store):
    scripted_store.answer = lambda path, query: (400, {}, b'{"status":"error","error":"no such metric"}')
    log = json.loads(dry_run(scripted_store, "-o", "sarif").stdout)
    failed = [result for result in log["runs"][0]["results"] if result["ruleId"] == "SRN160"]
    assert failed and all("no such metric" in result["message"]["text"] for result in failed)
    suites = xml.etree.ElementTree.fromstring(dry_run(scripted_store, "-o", "junit").stdout)
    assert len(suites.findall("testsuite/testcase/failure")) == len(failed)


@pytest.mark.parametrize("name, text, line", [
    ("x.json", '{"a": tru', 1), ("x.yml", "a: 1\nb: [1\nc: 2\n", 3), ("x.yml", "a: 1\na: 2\n", 2),
    ("x.json", "[" * 4000, 1), ("x.yml", "\x00", 1), ("x.yml", "hello", 1), ("x.yml", "", 1),
])
def test_what_cannot_be_read(tmp_path, name, text, line):
    done, problems = validate(tmp_path, text, name=name)
    assert done.returncode == 65, done.stderr
    assert len(problems) == 1 and int(problems[0]["line"]) == line


def test_requests(tmp_path):
    scope = {"scope": "v41", "location": "l", "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:10:00Z", "step": 60}
    request = {"scopes": {"default": {"controlScope": scope, "experimentScope": dict(scope, start="when")},
                          "other": {"controlScope": dict(scope, stepp=1)}},
               "thresholds": {"pass": 75, "marginal": 95}}
    done, problems = validate(tmp_path, json.dumps(request), name="request.json")
    assert done.returncode == 65
    assert set(found(problems)) == {
        ("error", "/scopes/default/experimentScope/start"),
        ("warning", "/scopes/default/controlScope"),  # ten points
        ("warning", "/scopes/default/experimentScope"),  # no start
        ("warning", "/scopes/other/controlScope/stepp"),
        ("warning", "/scopes/other/controlScope"),
        ("error", "/scopes/other/experimentScope"),
        ("warning", "/thresholds"),
    }
    both = {"canaryConfig": json.load(open(CONFIG, encoding="utf-8")), "executionRequest": {"scopes": {}}}
    done, problems = validate(tmp_path, json.dumps(both), name="both.json")
    assert ("error", "/executionRequest/thresholds") in found(problems)


def test_settings(tmp_path):
    done, problems = validate(tmp_path, kayenta_yml({"a": {"endpoint": {"baseUrl": "http://x"}, "usrname": "b"}}),
                              name="kayenta.yml")
    assert done.returncode == 0 and len(problems) == 1 and "username" in problems[0]["text"]
    assert int(problems[0]["line"]) == 5
    done, problems = validate(tmp_path, kayenta_yml({"a": "nowhere"}), name="kayenta.yml")
    assert done.returncode == 78 and int(problems[0]["line"]) == 5 and problems[0]["code"] == "SRN150"


def test_all_problems_of_settings(tmp_path):
    """One for each account, sink and setting, whatever the others are like; and the warnings beside them."""
    text = """log: {level: loud}
analysis: {workers: 0}
accounts:
  - {name: a, type: prometheus, url: nowhere}
  - {type: prometheus, url: 'http://x'}
  - {name: fine, type: prometheus, url: 'http://x', usrname: u}
  - {name: d, type: unheard-of}
kayenta:
  datadog:
    accounts: [{name: e, endpoint: {baseUrl: 'http://x'}}, {name: fine, endpoint: {baseUrl: 'http://x'}}]
notify:
  - {name: n, type: pigeon, url: 'http://x'}
  - {name: o, type: webhook}
"""
    done, problems = validate(tmp_path, text, name="serinus.yml")
    assert done.returncode == 78
    errors = [(int(p["line"]), p["text"]) for p in problems if p["severity"] == "error"]
    assert [line for line, _ in errors] == [1, 2, 4, 5, 7, 10, 12, 13], errors
    assert any(p["severity"] == "warning" and int(p["line"]) == 6 and "username" in p["text"] for p in problems)
    (tmp_path / "serinus.yml").chmod(0o600)
    serve = run_cli("serve", "--config", tmp_path / "serinus.yml")  # which ends at the first
    assert serve.returncode == 78 and "loud" in serve.stderr and "nowhere" not in serve.stderr


def test_bundles(tmp_path):
    bundle = {"schema": "serinus.bundle/v1", "canaryConfig": {"name": "a b"}, "executionRequest": {"scopes": {}},
              "metricSets": [{"name": "m", "side": "left", "values": [1]}]}
    done, problems = validate(tmp_path, json.dumps(bundle), name="bundle.json")
    assert done.returncode == 65
    assert {("error", "/metricSets/0/side"), ("error", "/canaryConfig/name"),
            ("error", "/executionRequest/thresholds")} <= set(found(problems))


@pytest.mark.parametrize("arguments, code", [([], 64), (["--kind", "novel", CONFIG], 64), (["-o", "xml", CONFIG], 64),
                                             (["/nonexistent/c.yml"], 66), (["Makefile"], 65),
                                             (["--kind", "settings", "/nonexistent/k.yml"], 66)])
def test_wrong_arguments(arguments, code):
    done = run_cli("validate", *arguments)
    assert done.returncode == code, done.stderr


def test_what_kind_is_it(tmp_path):
    done, problems = validate(tmp_path, '{"hello": 1}')
    assert done.returncode == 65 and "--kind" in problems[0]["text"]
    done, _ = validate(tmp_path, '{"hello": 1}', "--kind", "canary-config")
    assert done.returncode == 65 and "SRN103" in done.stdout


# --- the dry run ---

def dry_run(store, *more, config=CONFIG):
    return run_cli("validate", "--dry-run", config, "--prometheus", store.url, "--baseline", "v41", "--canary", "v42",
                   "--baseline-location", "baseline", "--canary-location", "canary", *more)


@pytest.mark.smoke
def test_a_dry_run_says_what_every_query_gives(prometheus):
    done = dry_run(prometheus, "--start", WINDOW[0], "--end", WINDOW[1])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("61 points, 0 gaps, step 60 s") >= 8
    assert 'version="v41"' in done.stdout and "latency_p99: 1 of its series pair" in done.stdout


def test_a_dry_run_takes_the_last_hour_and_says_what_is_wrong(scripted_store):
    def epoch(text):
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()

    def answer(path, query):
        if "500" in query["query"]:
            return 400, {}, b'{"status":"error","error":"unknown function"}'
        if "v42" in query["query"]:
            return 200, {}, empty_matrix()
        return 200, {}, matrix(range(20), start=epoch(query["start"]))

    scripted_store.answer = answer
    done = dry_run(scripted_store, "-o", "json")
    assert done.returncode == 69
    report = json.loads(done.stdout)[0]["dryRun"]
    by_name = {metric["name"]: metric for metric in report["metrics"]}
    assert "unknown function" in by_name["error_ratio"]["baseline"]["error"]
    p99 = by_name["latency_p99"]
    assert p99["pairs"] == 0 and p99["baseline"]["series"][0]["points"] == 20
    assert any("finds nothing" in warning and '"v42"' in warning for warning in p99["warnings"])
    assert any("20 points" in warning for warning in p99["warnings"])
    asked = scripted_store.requests[0][1]
    assert epoch(asked["end"]) - epoch(asked["start"]) == 3600


@pytest.mark.parametrize("labelled, words", [
    ("v42",
     "the series of the baseline has no labels and those of the canary have (pod=\"a\", zone=\"z\", for instance)"),
    ("v41", "the values of the canary are not used; group both sides by the same labels"),
])
def test_a_dry_run_shows_labels_on_one_side_alone(scripted_store, tmp_path, labelled, words):
    scripted_store.answer = lambda path, query: (200, {}, matrix(
        [i * 7 % 61 for i in range(61)], labels={"pod": "a", "zone": "z"} if labelled in query["query"] else {}))
    config = {"name": "pods", "applications": ["x"], "classifier": {"groupWeights": {"g": 100}}, "metrics": [
        {"name": "m", "scopeName": "default", "groups": ["g"],
         "query": {"type": "prometheus", "customInlineTemplate": "PromQL:up{v=\"${scope}\"}"}}]}
    path = tmp_path / "pods.json"
    path.write_text(json.dumps(config))
    done = dry_run(scripted_store, config=path)
    assert done.returncode == 0 and words in done.stdout, done.stdout


def test_a_dry_run_shows_labels_that_cannot_pair(scripted_store, tmp_path):
    scripted_store.answer = lambda path, query: (200, {}, matrix(
        [i * 7 % 61 for i in range(61)], labels={"pod": "a" if "v41" in query["query"] else "b", "zone": query["query"][-9:]}))
    config = {"name": "pods", "applications": ["x"], "classifier": {"groupWeights": {"g": 100}}, "metrics": [
        {"name": "m", "scopeName": "default", "groups": ["g"],
         "query": {"type": "prometheus", "customInlineTemplate": "PromQL:up{v=\"${scope}\"}"}}]}
    path = tmp_path / "pods.json"
    path.write_text(json.dumps(config))
    done = dry_run(scripted_store, config=path)
    assert done.returncode == 0 and "have no partner with the same labels" in done.stdout, done.stdout
    assert dry_run(scripted_store, "--strict", config=path).returncode == 65


def noisy(seed, n, phi=0.6, level=50, deviation=2):
    """A series that remembers itself."""
    source, at, out = random.Random(seed), 0, []
    for _ in range(n):
        at = phi * at + math.sqrt(1 - phi * phi) * source.gauss(0, 1)
        out.append(level + deviation * at)
    return out


def power_config(tmp_path, effect_size=None):
    def metric(name, judge=None, **canary):
        return {"name": name, "scopeName": "default", "groups": ["g"],
                "query": {"type": "prometheus", "customInlineTemplate": f"PromQL:{name}{{v=\"${{scope}}\"}}"},
                "analysisConfigurations": {"canary": {"direction": "increase", "judge": judge or {}, **canary}}}

    path = tmp_path / "power.json"
    path.write_text(json.dumps({
        "name": "power", "applications": ["x"], "judge": {"name": "RobustRank-v1.0", "judgeConfigurations": {"alpha": 0.05}},
        "classifier": {"groupWeights": {"g": 100}}, "metrics": [
            metric("latency", effectSize=effect_size or {}),
            metric("errors", {"metricType": "counter", "exposureMetric": "requests"}), metric("requests")]}))
    return path


def answer_power(path, query):
    start = datetime.datetime.fromisoformat(query["start"].replace("Z", "+00:00")).timestamp()
    end = datetime.datetime.fromisoformat(query["end"].replace("Z", "+00:00")).timestamp()
    n, seed = int(end - start) // 60 + 1, 1 + ("v42" in query["query"])
    values = {"l": noisy(seed, n), "e": [round(v) for v in noisy(seed + 2, n, 0, 20, 4)], "r": [1000 + i % 7 for i in range(n)]}
    return 200, {}, matrix(values[query["query"][0]], start=start)


def test_a_dry_run_says_what_a_canary_of_its_length_could_tell(scripted_store, tmp_path):
    scripted_store.answer = answer_power
    done = dry_run(scripted_store, "-o", "json", "--last", "3h", config=power_config(tmp_path))
    assert done.returncode == 0, done.stderr
    latency, errors, requests = json.loads(done.stdout)[0]["dryRun"]["metrics"]
    power = latency["power"][0]
    assert power["points"] == 181 and power["alpha"] == 0.05 and power["detectPercent"] == 10
    assert 0.4 < power["phi"] < 0.8 and 20 < power["effectivePoints"] < 90
    assert abs(power["minimumDetectablePercent"] - 100 * power["minimumDetectableEffect"] / power["level"]) < 1e-9
    # sqrt(2) deviations of 2, about 45 points' worth of them: (2.2 + 0.87) * 2.83 / sqrt(45)
    assert 0.8 < power["minimumDetectableEffect"] < 2.2
    assert 600 < power["secondsNeeded"] < 10800 and "why" not in power and latency["warnings"] == []
    counts = errors["power"][0]
    assert 7000 < counts["events"] < 7600 and 0.019 < counts["level"] < 0.021 and "effectivePoints" not in counts
    # 1.96 + 0.84 standard errors of the log ratio of about 3,600 and 3,600 events
    assert 5 < counts["minimumDetectablePercent"] < 9
    text = dry_run(scripted_store, "--last", "3h", "--detect", "5%", config=power_config(tmp_path)).stdout
    assert "power     181 points, worth" in text and "; 5 % takes " in text and " events; at alpha 0.05" in text


def test_a_dry_run_warns_of_a_window_too_short_for_what_is_allowed(scripted_store, tmp_path):
    scripted_store.answer = answer_power
    config = power_config(tmp_path, {"allowedIncrease": 1.01})
    warnings = json.loads(dry_run(scripted_store, "-o", "json", config=config).stdout)[0]["dryRun"]["metrics"][0]["warnings"]
    assert [w for w in warnings if "a window of 1 h 0 min is too short to decide about the allowed change of 1 %; that takes " in w]
    wide = power_config(tmp_path, {"allowedIncrease": 1.5})
    assert json.loads(dry_run(scripted_store, "-o", "json", config=wide).stdout)[0]["dryRun"]["metrics"][0]["warnings"] == []
    # a change that is smaller than what is allowed is never shown
    assert "no answer for 10 %: the limits of the config allow such a change" in dry_run(scripted_store, config=wide).stdout
    asked = dry_run(scripted_store, "--detect", "0.5", config=power_config(tmp_path)).stdout
    assert "is too short to see a change of 0.5 %" in asked
    bad = dry_run(scripted_store, "--detect", "none", config=wide)
    assert bad.returncode == 64 and "--detect must be a percentage above 0" in bad.stderr
