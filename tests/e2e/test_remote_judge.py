"""RemoteJudge-v1.0: a judge of somebody else's, here a scripted one that really judges, and what
becomes of the nonsense that it could say."""
import http.server
import json
import math
import statistics
import threading
import time

import pytest
import requests
from conftest import (Serinus, WINDOW, canary_request, demo_config, free_port, kayenta_yml, run_cli,
                      wait_until)

NAME = "RemoteJudge-v1.0"
SECRET = "Kq7remotePw"
CRITICAL = 1.15  # the canary's mean to the baseline's


def numbers(values):
    return [value for value in values if not isinstance(value, str)]


def stats(values):
    if not values:
        return {"count": 0, "mean": 0.0, "min": 0.0, "max": 0.0, "std": 0.0}
    return {"count": len(values), "mean": statistics.fmean(values), "min": min(values), "max": max(values),
            "std": statistics.stdev(values) if len(values) > 1 else 0.0}


def judge_pair(pair, groups):
    sides = {side: stats(numbers(pair["values"][side])) for side in ("control", "experiment")}
    result = {"name": pair["name"], "id": pair["id"], "tags": pair["tags"], "groups": groups,
              "controlMetadata": {"stats": sides["control"]},
              "experimentMetadata": {"stats": sides["experiment"]},
              "critical": False, "muted": False, "classification": "Pass"}
    if not all(side["count"] for side in sides.values()):
        return {**result, "classification": "Nodata", "classificationReason": f"Missing data for {pair['name']}"}
    base = sides["control"]["mean"]
    ratio = sides["experiment"]["mean"] / base if base else math.nan
    result["resultMetadata"] = {"ratio": "NaN" if math.isnan(ratio) else ratio, "own": {"words": ["kept by it"]}}
    if ratio > CRITICAL:
        result.update(classification="High", classificationReason=f"{pair['name']} is at {ratio:.3f} of the baseline")
    return result


def judge(question):
    """What the scripted judge thinks: the share of passing metrics."""
    metrics = {metric["name"]: metric for metric in question["canaryConfig"]["metrics"]}
    results = [judge_pair(pair, metrics[pair["name"]]["groups"]) for pair in question["metricSetPairList"]]
    score = round(100 * sum(one["classification"] == "Pass" for one in results) / len(results), 2)
    thresholds = question["scoreThresholds"]
    word = "Pass" if score >= thresholds["pass"] else "Marginal" if score >= thresholds["marginal"] else "Fail"
    return {"judgeName": NAME, "results": results,
            "groupScores": [{"name": "All", "score": score, "classification": "", "classificationReason": ""}],
            "score": {"score": score, "classification": word, "classificationReason": "by means"}}


class RemoteJudge:
    """`answer` is called with the question and how many came before, and gives (status, headers, body);
    None drops the connection without a word."""

    def __init__(self, port=0):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    n = len(outer.questions)
                    outer.questions.append((self.path, dict(self.headers), question))
                reply = outer.answer(question, n)
                if reply is None:
                    self.close_connection = True
                    return
                status, headers, body = reply
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(body)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

        self.lock = threading.Lock()
        self.questions = []
        self.answer = lambda question, n: (200, {}, json.dumps(judge(question)).encode())
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def says(self, change):
        """From now on the result is what `change` makes of it: the same object, or bytes."""
        def answer(question, _):
            result = judge(question)
            changed = change(result)
            body = result if changed is None else changed
            return 200, {}, body if isinstance(body, bytes) else json.dumps(body).encode()

        self.answer = answer

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def remote():
    server = RemoteJudge()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def honest(remote):
    remote.questions.clear()
    remote.answer = lambda question, n: (200, {}, json.dumps(judge(question)).encode())


def settings(prometheus, url, **more):
    section = {"enabled": True, "endpoint": {"baseUrl": url}, **more}
    return kayenta_yml({"prometheus": prometheus.url}, "  remoteJudge: " + json.dumps(section) + "\n")


@pytest.fixture(scope="module")
def serinus(prometheus, remote, tmp_path_factory):
    service = Serinus(tmp_path_factory.mktemp("remote-judge"), settings(prometheus, remote.url))
    yield service
    code = service.stop()
    assert code == 0, f"ended with {code}: {service.log_text()[-4000:]}"


def remote_config(**changes):
    return demo_config(judge={"name": NAME, "judgeConfigurations": {"method": "means", "limits": [CRITICAL]}},
                       **changes)


def assert_failed(body, *words):
    assert body["status"] == "terminal" and "result" not in body
    assert body["stageStatus"]["judge"] == "terminal" and body["stageStatus"]["mixMetrics"] == "succeeded"
    exception = body["exception"]
    assert exception["operation"] == "canaryJudge"
    assert exception["details"]["code"] == "remote_judge_failed", exception
    for word in words:
        assert word in exception["details"]["errors"][0], (word, exception["details"]["errors"])


@pytest.mark.smoke
@pytest.mark.parametrize("canary, verdict", [("v42", "Pass"), ("v43", "Fail")])
def test_its_verdict_is_the_verdict(serinus, remote, canary, verdict):
    config = remote_config()
    body = serinus.judge(config, canary_request(canary))
    assert body["status"] == "succeeded", body
    (path, headers, question), = remote.questions
    assert path == "/api/judge" and headers["Content-Type"] == headers["Accept"] == "application/json"
    assert question["canaryConfig"]["judge"] == config["judge"]
    assert question["canaryConfig"]["classifier"] == config["classifier"]
    assert question["scoreThresholds"] == {"pass": 95.0, "marginal": 75.0}
    pairs = serinus.get(f"/metricSetPairList/{body['metricSetPairListId']}").json()
    assert question["metricSetPairList"] == pairs and len(pairs) > 1
    result, wanted = body["result"]["judgeResult"], judge(question)
    assert result["score"]["classification"] == verdict
    for one in wanted["results"]:
        one.get("resultMetadata", {}).pop("own", None)
    assert result["results"] == wanted["results"]
    assert {**result, "results": None} == {**wanted, "results": None}


def test_it_is_offered_only_where_it_is(serinus, start_serinus, prometheus, remote):
    assert serinus.get("/judges").json()[-1] == {"name": NAME, "visible": True}
    off = start_serinus(settings(prometheus, remote.url, enabled=False))
    assert NAME not in {one["name"] for one in off.get("/judges").json()}
    answer = off.post("/canary", {"canaryConfig": remote_config(), "executionRequest": canary_request()})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"Unable to resolve canary judge '{NAME}'.")
    assert "kayenta.remoteJudge.enabled" in answer.json()["message"]
    assert not remote.questions


def test_an_analysis_asks_it_for_every_interval(serinus, remote):
    request = {"scopes": [{"scopeName": "default", "controlScope": "v41", "controlLocation": "baseline",
                           "experimentScope": "v42", "experimentLocation": "canary", "step": 60,
                           "startTimeIso": WINDOW[0], "endTimeIso": WINDOW[1]}],
               "thresholds": {"pass": 95, "marginal": 75}, "analysisIntervalMins": 20}
    answer = serinus.post("/standalone_canary_analysis",
                          {"canaryConfig": remote_config(), "executionRequest": request})
    assert answer.status_code == 200, answer.text
    path = f"/standalone_canary_analysis/{answer.json()['canaryAnalysisExecutionId']}"
    body = wait_until(lambda: (got := serinus.get(path).json())["complete"] and got, "the analysis")
    assert body["status"] == "succeeded", body
    assert len(body["canaryAnalysisExecutionResult"]["canaryScores"]) == len(remote.questions) == 3


# --- what it says ---

def set_in(path, value):
    def change(result):
        at = result
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
    return change


def nested(depth):
    value = "deep"
    for _ in range(depth):
        value = [value]
    return value


def with_words(result, score, word):
    result["score"] = {"score": score, "classification": word, "classificationReason": ""}


NONSENSE = {
    "not JSON": (lambda r: b"<html>judged</html>", "unusable"),
    "nothing": (lambda r: b"", "unusable"),
    "cut": (lambda r: json.dumps(r).encode()[:-9], "unusable"),
    "a list": (lambda r: json.dumps([r]).encode(), "/results"),
    "no score": (lambda r: r.pop("score") and r, "/score"),
    "score without number": (lambda r: r["score"].pop("score") and None, "/score/score", "missing"),
    "score NaN": (set_in(["score", "score"], "NaN"), "/score/score", "nan"),
    "score -5": (lambda r: with_words(r, -5, "Fail"), "from 0 to 100, not -5"),
    "score 1000": (lambda r: with_words(r, 1000, "Pass"), "from 0 to 100, not 1000"),
    "another verdict": (lambda r: with_words(r, 40, "Pass"), "is Pass, but a score of 40 is Fail"),
    "a verdict of its own": (set_in(["score", "classification"], "Great"), "/score/classification"),
    "no results": (lambda r: r.pop("results") and r, "/results"),
    "a missing metric": (lambda r: r["results"].pop() and None, "/results", "there is none for the metric"),
    "a metric twice": (lambda r: r["results"].append(r["results"][0]), "has two results"),
    "another id": (set_in(["results", 1, "id"], "00000000-0000-0000-0000-000000000000"),
                   "/results/1/id", "no metric set pair"),
    "no id": (lambda r: r["results"][1].pop("id") and None, "/results/1/id"),
    "another name": (set_in(["results", 0, "name"], "someone"), "/results/0/name", "someone"),
    "an unknown word": (set_in(["results", 0, "classification"], "Passed"), "/results/0/classification"),
    "a count that is none": (set_in(["results", 0, "controlMetadata", "stats", "count"], -3),
                             "/results/0/controlMetadata/stats/count"),
    "a group's score": (set_in(["groupScores", 0, "score"], "NaN"), "/groupScores/0/score"),
    "too deep": (set_in(["results", 0, "resultMetadata", "own"], nested(20)), "deep"),
    "the same key twice": (lambda r: json.dumps(r).encode()[:-1] + b',"score":{"score":100}}', "score"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_an_error_and_never_a_pass(serinus, remote, what):
    change, *words = NONSENSE[what]
    remote.says(change)
    assert_failed(serinus.judge(remote_config(), canary_request()), *words)
    assert len(remote.questions) == 1  # the next answer would be no better


def test_too_much_is_not_read(serinus, remote):
    remote.says(set_in(["results", 0, "classificationReason"], "x" * (5 << 20)))
    assert_failed(serinus.judge(remote_config(), canary_request()), "larger than")


def test_muted_metrics_may_be_left_out(serinus, remote):
    config = remote_config()
    config["metrics"][0]["analysisConfigurations"]["canary"]["muted"] = True
    name = config["metrics"][0]["name"]
    remote.says(lambda result: result.update(results=[one for one in result["results"] if one["name"] != name]))
    body = serinus.judge(config, canary_request())
    assert body["status"] == "succeeded", body
    assert name not in {one["name"] for one in body["result"]["judgeResult"]["results"]}


def test_bare_results_are_enough(serinus, remote):
    def bare(result):
        keep = ("id", "classification")
        return {"results": [{key: one[key] for key in keep} for one in result["results"]],
                "score": {"score": 96, "classification": "Pass"}}

    remote.says(bare)
    config = remote_config()
    body = serinus.judge(config, canary_request())
    result = body["result"]["judgeResult"]
    groups = {metric["name"]: metric["groups"] for metric in config["metrics"]}
    assert result["judgeName"] == NAME and result["groupScores"] == []
    assert result["score"] == {"score": 96.0, "classification": "Pass", "classificationReason": ""}
    for one in result["results"]:
        assert one["groups"] == groups[one["name"]] and one["muted"] is one["critical"] is False
        assert one["controlMetadata"]["stats"]["count"] == 0 and "resultMetadata" not in one


# --- how it is reached ---

@pytest.mark.parametrize("status, tries", [(503, 3), (502, 3), (504, 3), (500, 1), (400, 1), (404, 1), (301, 1)])
def test_error_statuses(serinus, remote, status, tries):
    remote.answer = lambda question, n: (status, {"Location": remote.url + "/judge"}, b'{"message": "no\x01t now"}')
    body = serinus.judge(remote_config(), canary_request())
    assert_failed(body, f"HTTP status {status}")
    assert len(remote.questions) == tries


def test_it_is_asked_again_while_it_starts(serinus, remote):
    honest_answer = remote.answer
    remote.answer = lambda question, n: honest_answer(question, n) if n == 2 else None if n else (503, {}, b"")
    body = serinus.judge(remote_config(), canary_request())
    assert body["status"] == "succeeded" and len(remote.questions) == 3
    assert all(question[2] == remote.questions[0][2] for question in remote.questions)


def test_one_that_is_down(start_serinus, prometheus):
    service = start_serinus(settings(prometheus, f"http://127.0.0.1:{free_port()}"))
    assert_failed(service.judge(remote_config(), canary_request()), "has not judged", "connect")


def test_a_cancelled_canary_does_not_wait_for_it(serinus, remote):
    gate, honest_answer = threading.Event(), remote.answer
    remote.answer = lambda question, n: gate.wait(30) and honest_answer(question, n)
    execution = serinus.start_canary(remote_config(), canary_request())
    wait_until(lambda: remote.questions, "the question")
    stages = serinus.get(f"/canary/{execution}").json()["stageStatus"]
    assert stages["mixMetrics"] == "succeeded" and stages["judge"] == "running"
    serinus.put(f"/pipelines/{execution}/cancel")
    started = time.monotonic()
    body = serinus.wait_for(execution)
    gate.set()
    assert body["status"] == "canceled" and "exception" not in body
    assert body["stageStatus"]["judge"] == "canceled" and time.monotonic() - started < 5


def test_after_a_restart_it_is_asked_again(start_serinus, prometheus, remote):
    gate, honest_answer = threading.Event(), remote.answer
    service = start_serinus(settings(prometheus, remote.url))
    remote.answer = lambda question, n: gate.wait(30) and honest_answer(question, n)
    execution = service.start_canary(remote_config(), canary_request())
    wait_until(lambda: remote.questions, "the question")
    service.restart()
    gate.set()
    assert service.wait_for(execution)["status"] == "succeeded"


def test_credentials_are_sent_and_not_shown(start_serinus, prometheus, remote):
    url = remote.url.replace("://", f"://canary:{SECRET}@")
    service = start_serinus(settings(prometheus, url, headers={"X-Team": SECRET + "2"}))
    assert service.judge(remote_config(), canary_request())["status"] == "succeeded"
    headers = remote.questions[0][1]
    assert headers["Authorization"].startswith("Basic ") and headers["X-Team"] == SECRET + "2"
    remote.says(lambda result: f"no {SECRET} no".encode())
    body = service.judge(remote_config(), canary_request())
    assert_failed(body)
    remote.answer = lambda question, n: (500, {}, f"no {SECRET} no".encode())
    assert_failed(service.judge(remote_config(), canary_request()), "HTTP status 500")
    remote.says(lambda result: set_in(["results", 0, "classification"], SECRET)(result))
    assert_failed(service.judge(remote_config(), canary_request()))
    assert SECRET not in json.dumps(body) + service.log_text()


# --- by hand ---

def stored_material(service, **changes):
    config = service.store_config(remote_config(**changes))
    body = service.judge(config, canary_request("v43"))
    return {"canaryConfigId": config, "metricSetPairListId": body["metricSetPairListId"],
            "passThreshold": 95, "marginalThreshold": 75}, body["result"]["judgeResult"]


def test_judging_what_is_stored(serinus, remote):
    parameters, result = stored_material(serinus, name="stored-remote")
    answer = serinus.post("/judges/judge", params=parameters)
    assert answer.status_code == 200 and answer.json() == result, answer.text
    lenient = serinus.post("/judges/judge", params={**parameters, "passThreshold": 0, "marginalThreshold": 0})
    assert lenient.json()["score"]["classification"] == "Pass"
    answer = serinus.post("/judges/comparison", params={**parameters, "overrideCanaryJudge2": "NetflixACAJudge-v1.0"})
    compared = serinus.get(f"/judges/comparison/{answer.json()['canaryExecutionId']}").json()["comparisonResult"]
    assert compared["judge1Result"] == result
    assert compared["judge2Result"]["judgeName"] == "NetflixACAJudge-v1.0"
    remote.says(lambda r: with_words(r, 1000, "Pass"))
    answer = serinus.post("/judges/judge", params=parameters)
    assert answer.status_code == 502 and "from 0 to 100" in answer.json()["message"]
    answer = serinus.post("/judges/comparison", params={**parameters, "overrideCanaryJudge2": "NetflixACAJudge-v1.0"})
    failed = serinus.get(f"/judges/comparison/{answer.json()['canaryExecutionId']}").json()
    assert list(failed["exceptions"]) == ["judge"]
    assert failed["exceptions"]["judge"]["details"]["code"] == "remote_judge_failed"


def test_few_wait_for_it_by_hand(serinus, remote):
    parameters, _ = stored_material(serinus, name="stored-few")
    gate, honest_answer, answers = threading.Event(), remote.answer, []
    remote.questions.clear()
    remote.answer = lambda question, n: gate.wait(20) and honest_answer(question, n)

    def ask():
        answers.append(requests.post(serinus.url + "/judges/judge", params=parameters, timeout=60))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answers) == 3, "those that are sent away")
    gate.set()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 200, 503, 503, 503]


@pytest.fixture
def accounts(tmp_path, prometheus, remote):
    path = tmp_path / "accounts.yml"
    path.write_text(settings(prometheus, remote.url))
    return path


def run_with(config, *where):
    return run_cli("run", "-f", "-", *where, "--baseline", "v41", "--canary", "v43", "--baseline-location", "baseline",
                   "--canary-location", "canary", "--start", WINDOW[0], "--end", WINDOW[1], "-o", "json",
                   stdin=json.dumps(config))


def test_run_asks_it_with_accounts(prometheus, remote, accounts):
    done = run_with(remote_config(), "--accounts", accounts)
    assert done.returncode == 11, done.stdout + done.stderr
    model = json.loads(done.stdout)
    assert model["judge"] == NAME and model["verdict"] == "fail" and model["reason"] == "by means"
    remote.says(lambda result: with_words(result, 1000, "Pass"))
    done = run_with(remote_config(), "--accounts", accounts)
    assert done.returncode >= 64 and "from 0 to 100" in done.stderr and not done.stdout
    done = run_with(remote_config(), "--prometheus", prometheus.url)
    assert done.returncode >= 64 and "kayenta.remoteJudge.endpoint.baseUrl" in done.stderr


def test_a_slow_one_is_not_waited_for_longer_than_said(remote, accounts):
    gate = threading.Event()
    remote.answer = lambda question, n: gate.wait(30) and None
    started = time.monotonic()
    done = run_with(remote_config(), "--accounts", accounts, "--timeout", "2s")
    gate.set()
    assert done.returncode == 124 and NAME in done.stderr and not done.stdout, (done.returncode, done.stderr)
    assert 1.5 < time.monotonic() - started < 10


def test_without_settings_it_says_what_is_needed(serinus, remote, accounts, tmp_path):
    bundle = tmp_path / "bundle.json"
    config, pairs = tmp_path / "config.json", tmp_path / "pairs.json"
    done = run_cli("run", "-f", "-", "--accounts", accounts, "--baseline", "v41", "--canary", "v42",
                   "--baseline-location", "baseline", "--canary-location", "canary", "--start", WINDOW[0],
                   "--end", WINDOW[1], "-q", "--save-bundle", bundle, stdin=json.dumps(remote_config()))
    assert done.returncode == 0, done.stderr
    config.write_text(json.dumps(remote_config()))
    pairs.write_text(json.dumps(remote.questions[0][2]["metricSetPairList"]))
    for done in (run_cli("replay", bundle), run_cli("judge", "-f", config, "--pairs", pairs)):
        assert done.returncode >= 64 and "kayenta.remoteJudge" in done.stderr, done.stderr
    assert run_cli("replay", bundle, "--judge", "NetflixACAJudge-v1.0").returncode == 0


def test_the_check_takes_its_name_and_leaves_it_its_options(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(remote_config()))
    done = run_cli("validate", config)
    assert done.returncode == 0 and "no judge" not in done.stdout + done.stderr, done.stdout


# --- settings ---

def test_settings_are_shown_masked_and_kept(tmp_path, prometheus, remote):
    path = tmp_path / "kayenta.yml"
    path.write_text(settings(prometheus, f"https://canary:{SECRET}@judge.example.com/api"))
    shown = run_cli("config", "show", "--config", path)
    assert "kayenta.remoteJudge.enabled: true" in shown.stdout, shown.stdout + shown.stderr
    assert "kayenta.remoteJudge.endpoint.baseUrl: \"https://***@judge.example.com/api\"" in shown.stdout
    assert SECRET not in shown.stdout + shown.stderr
    converted = run_cli("config", "convert", path)
    assert SECRET not in converted.stdout, converted.stdout
    again = tmp_path / "serinus.yml"
    again.write_text(converted.stdout)
    shown_again = run_cli("config", "show", "--config", again, environment={
        "SERINUS_SECRET_KAYENTA_REMOTEJUDGE_ENDPOINT_BASEURL": f"https://canary:{SECRET}@judge.example.com/api"})
    lines = [line for line in shown.stdout.splitlines() if "remoteJudge" in line]
    assert lines == [line for line in shown_again.stdout.splitlines() if "remoteJudge" in line], converted.stdout


@pytest.mark.parametrize("section, words", [
    ({"enabled": True}, "lacks endpoint.baseUrl"),
    ({"enabled": True, "endpoint": {"baseUrl": "judge:80"}}, "http:// or https://"),
    ({"enabled": "perhaps", "endpoint": {"baseUrl": "http://judge"}}, "neither true nor false"),
    ({"enabled": True, "endpoint": {"baseUrl": "http://judge"}, "readTimeoutMs": "soon"}, "readTimeoutMs"),
    ([], "mapping"),
])
def test_mistakes_in_the_settings(tmp_path, prometheus, section, words):
    path = tmp_path / "kayenta.yml"
    path.write_text(kayenta_yml({"prometheus": prometheus.url}, "  remoteJudge: " + json.dumps(section) + "\n"))
    done = run_cli("serve", "--config", path, "--data-dir", tmp_path / "data")
    assert done.returncode == 78 and words in done.stderr and "remoteJudge" in done.stderr, done.stderr


def test_the_environment_can_switch_it(tmp_path, prometheus):
    path = tmp_path / "kayenta.yml"
    path.write_text(kayenta_yml({"prometheus": prometheus.url}))
    shown = run_cli("config", "show", "--config", path, environment={
        "KAYENTA_REMOTEJUDGE_ENABLED": "true", "KAYENTA_REMOTEJUDGE_ENDPOINT_BASEURL": "http://judge:8091"})
    assert "kayenta.remoteJudge.endpoint.baseUrl: http://judge:8091" in shown.stdout, shown.stdout + shown.stderr
