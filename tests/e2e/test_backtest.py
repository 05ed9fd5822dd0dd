"""`serinus backtest` and `serinus plan`: judges and run lengths from history in which nothing changed."""
import glob
import json
import math
import os
import random

import pytest
from conftest import T0, TOP, canary_request, demo_config, kayenta_yml, matrix, run_cli

CONFIG = os.path.join(TOP, "fixtures/demo/canary-config.json")
STANDARD, RANKS = "NetflixACAJudge-v1.0", "RobustRank-v1.0"
N_MINUTES = 7 * 1440
UNTIL = "2026-01-08T00:00:00Z"


def ar1(seed, phi=0.8, level=100.0, sd=10.0):
    rng, x, values = random.Random(seed), 0.0, []
    for _ in range(N_MINUTES + 1):
        x = phi * x + math.sqrt(1 - phi * phi) * rng.gauss(0, 1)
        values.append(round(level + sd * x, 4))
    return values


class History:
    """A week of minutes: a query is answered by the series of the first word that is in it."""

    def __init__(self, store, **series):
        self.series = {word: one if isinstance(one[0], list) else [one] for word, one in series.items()}
        self.url = store.url
        self.store = store
        store.answer = self.answer

    def answer(self, path, query):
        from datetime import datetime

        def unix(text):
            return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) if "T" in text else int(text)

        first = (unix(query["start"]) - T0) // 60
        last = (unix(query["end"]) - T0) // 60
        words = [word for word in self.series if word in query["query"]]
        reply = {"status": "success", "data": {"resultType": "matrix", "result": []}}
        for i, values in enumerate(self.series[words[0]] if words else []):
            labels = {"pod": f"p{i}"} if len(self.series[words[0]]) > 1 else {}
            one = json.loads(matrix(values[first:last + 1], T0 + 60 * first, labels=labels))
            reply["data"]["result"] += one["data"]["result"]
        return 200, {}, json.dumps(reply).encode()


def config_file(tmp_path, *metrics, judge=None, **analysis):
    config = {
        "name": "history", "applications": ["a"], "judge": judge or {"name": STANDARD},
        "metrics": [{"name": name, "groups": ["g"], "scopeName": "default",
                     "query": {"type": "prometheus", "customInlineTemplate": "PromQL:" + name + '{v="${scope}"}'},
                     "analysisConfigurations": {"canary": analysis.get(name, {})}} for name in metrics],
        "classifier": {"groupWeights": {"g": 100}},
    }
    path = tmp_path / "canary.json"
    path.write_text(json.dumps(config))
    return path


def ask(command, history, config, *more):
    return run_cli(command, "-f", config, "--prometheus", history.url, "--since", "7d", "--until", UNTIL, *more)


def report_of(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def judged(report, metric, judge):
    metric = next(one for one in report["metrics"] if one["name"] == metric)
    return next(one for one in metric["judges"] if one["judge"] == judge)


# --- a real store ---

@pytest.mark.smoke
def test_two_clusters_that_ran_the_same_version(prometheus):
    report = report_of(run_cli(
        "backtest", "-f", CONFIG, "--prometheus", prometheus.url, "--baseline", "v41", "--canary", "v41",
        "--baseline-location", "baseline", "--canary-location", "production", "--since", "3h",
        "--until", "2026-01-01T03:00:00Z", "--window", "30m", "--windows", "40", "--pass", "95",
        "--marginal", "75", "-o", "json"))
    assert report["schema"] == "serinus.backtest/v1"
    windows = report["windows"]
    assert windows["lengthSeconds"] == 1800 and 30 <= windows["count"] <= 40 and windows["sideBySide"] == 6
    assert {metric["name"] for metric in report["metrics"]} == {m["name"] for m in demo_config()["metrics"]}
    for metric in report["metrics"]:
        assert metric["arms"] == "two scopes"
        assert [one["judge"] for one in metric["judges"]] == [STANDARD, RANKS]
        for one in metric["judges"]:
            assert one["windows"] + one["noData"] + one["errors"] == windows["count"]
            share = one["falseAlarms"]
            assert share["lower"] <= share["rate"] <= share["upper"]
    assert report["recommended"]["judge"] in (STANDARD, RANKS)


def test_one_scope_has_one_location(prometheus):
    report = report_of(run_cli(
        "plan", "-f", CONFIG, "--prometheus", prometheus.url, "--baseline", "v41", "--baseline-location",
        "production", "--since", "3h", "--until", "2026-01-01T03:00:00Z", "-o", "json"))
    assert len(report["metrics"]) == len(demo_config()["metrics"])


# --- known noise ---

def test_noise_with_memory_is_no_alarm_to_the_recommended_judge(scripted_store, tmp_path):
    history = History(scripted_store, **{'"a"': ar1("a"), '"b"': ar1("b")})
    config = config_file(tmp_path, "m")
    more = ["--baseline", "a", "--canary", "b", "--window", "3h", "--windows", "500"]
    report = report_of(ask("backtest", history, config, *more, "-o", "json"))
    assert len(scripted_store.requests) == 2  # each side once
    standard, ranks = judged(report, "m", STANDARD), judged(report, "m", RANKS)
    assert standard["falseAlarms"]["rate"] > 0.15
    assert ranks["falseAlarms"]["rate"] < 0.06
    assert 0.7 < ranks["phi"] < 0.85 and 10 < ranks["nEff"] < 40
    assert standard["proposed"]["allowedIncrease"] > 1.03
    assert 5 < ranks["minimumDetectableEffectPercent"] < 20
    assert report["recommended"]["judge"] == RANKS
    assert f"{STANDARD} raises" in report["recommended"]["text"]

    table = ask("backtest", history, config, *more)
    assert table.returncode == 0 and "recommended: " + RANKS in table.stdout
    assert "judging" not in table.stderr  # progress is for terminals


def test_the_proposed_limits_keep_the_same_history_quiet(scripted_store, tmp_path):
    history = History(scripted_store, **{'"a"': ar1("a"), '"b"': ar1("b")})
    more = ["--baseline", "a", "--canary", "b", "--windows", "300", "--judge", STANDARD, "-o", "json"]
    before = judged(report_of(ask("backtest", history, config_file(tmp_path, "m"), *more)), "m", STANDARD)
    limits = {"effectSize": before["proposed"]}
    after = judged(report_of(ask("backtest", history, config_file(tmp_path, "m", m=limits), *more)), "m", STANDARD)
    assert before["falseAlarms"]["rate"] > 0.15 and after["falseAlarms"]["rate"] <= 0.02


@pytest.mark.parametrize("series, arms", [(["x"], "window before"), (["x", "y", "z"], "split series")])
def test_one_scope_is_compared_with_itself(scripted_store, tmp_path, series, arms):
    history = History(scripted_store, m=[ar1(seed, phi=0.3) for seed in series])
    report = report_of(ask("backtest", history, config_file(tmp_path, "m"), "--baseline", "a", "--window", "1h",
                           "--windows", "100", "-o", "json"))
    assert report["metrics"][0]["arms"] == arms and len(report["metrics"]) == 1
    ranks = judged(report, "m", RANKS)
    assert ranks["windows"] >= 95 and ranks["falseAlarms"]["rate"] < 0.08


def test_gaps_stay_where_they_are(scripted_store, tmp_path):
    """A day without samples must not move the days behind it, or both sides would be compared at
    different hours of a daily wave."""
    def wave(noise, hole):
        values = [100 + 40 * math.sin(i / 1440 * 2 * math.pi) + v for i, v in enumerate(ar1(noise, 0, 0, 1))]
        return [None if hole and 2000 <= i < 2700 else v for i, v in enumerate(values)]

    a, b = wave("a", True), wave("b", False)
    history = History(scripted_store, **{'"a"': a, '"b"': b})
    whole = history.answer

    def without_holes(path, query):
        reply = json.loads(whole(path, query)[2])
        for one in reply["data"]["result"]:
            one["values"] = [pair for pair in one["values"] if pair[1] != "None"]
        return 200, {}, json.dumps(reply).encode()

    scripted_store.answer = without_holes
    report = report_of(ask("backtest", history, config_file(tmp_path, "m"), "--baseline", "a", "--canary", "b",
                           "--window", "1h", "--stride", "1h", "--judge", RANKS, "-o", "json"))
    ranks = judged(report, "m", RANKS)
    assert ranks["noData"] >= 10 and ranks["falseAlarms"]["rate"] < 0.08


@pytest.mark.parametrize("more, code, words", [
    (["--window", "8d"], 65, "--window"),
    (["--windows", "0"], 64, "--windows"),
    (["--windows", "2.5"], 64, "--windows"),
    (["--windows", "999999"], 64, "20000"),
    (["--stride", "soon"], 65, "--stride"),
    (["--stride", "1s", "--step", "1s"], 65, "steps"),
    (["--judge", "Oracle", "--judge", RANKS], 64, "Oracle"),
    (["--window", "999999999999d"], 65, "--window"),
    (["--since", "40d"], 65, "31 days"),
    (["-o", "yaml"], 64, "json"),
    (["--metric", "n"], 64, '"n"'),
])
def test_what_cannot_be_asked(scripted_store, tmp_path, more, code, words):
    history = History(scripted_store, m=ar1("x"))
    done = ask("backtest", history, config_file(tmp_path, "m"), "--baseline", "a", *more)
    assert done.returncode == code and words in done.stderr and not done.stdout, done.stderr


def test_a_store_that_fails_is_said(scripted_store, tmp_path):
    scripted_store.answer = lambda path, query: (400, {}, b'{"status":"error","errorType":"bad","error":"no such"}')
    history = type("Store", (), {"url": scripted_store.url})
    done = ask("backtest", history, config_file(tmp_path, "m"), "--baseline", "a")
    assert done.returncode == 69 and "no such" in done.stderr
    done = run_cli("backtest", "-f", config_file(tmp_path, "m"), "--prometheus", scripted_store.url)
    assert done.returncode == 64 and "--baseline" in done.stderr


# --- executions that were judged before ---

def test_bundles_are_judged_by_other_judges():
    bundles = sorted(glob.glob(os.path.join(TOP, "fixtures/bundles/*.json")))
    report = report_of(run_cli("backtest", "--judge", STANDARD, "--judge", RANKS, "-o", "json", *bundles))
    assert [one["execution"] for one in report["executions"]] == bundles
    standard = next(one for one in report["agreement"] if one["judge"] == STANDARD)
    assert standard["same"] == standard["executions"] == len(bundles) and standard["kappa"] == 1
    for one in report["executions"]:
        assert one["judges"][0]["verdict"] == one["recorded"]["verdict"]
    table = run_cli("backtest", *bundles)
    assert table.returncode == 0 and "AGREES WITH THE RECORD" in table.stdout
    missing = run_cli("backtest", "no-such-file.json")
    assert missing.returncode == 66 and "no-such-file.json" in missing.stderr


def test_stored_executions_are_judged_again(start_serinus, prometheus):
    service = start_serinus(kayenta_yml({"prometheus-prod": prometheus.url}))
    ids = [service.start_canary(demo_config(), canary_request(version)) for version in ("v42", "v43")]
    for one in ids:
        service.wait_for(one)
    busy = run_cli("backtest", "--store", "--data-dir", service.data_dir)
    assert busy.returncode == 75, busy.stderr
    service.stop()
    report = report_of(run_cli("backtest", "--store", "--data-dir", service.data_dir, "-o", "json"))
    assert {one["execution"] for one in report["executions"]} == set(ids)
    assert report["agreement"][0]["same"] == 2
    one = report_of(run_cli("backtest", "--execution", ids[1], "--data-dir", service.data_dir, "-o", "json"))
    assert [e["execution"] for e in one["executions"]] == [ids[1]]
    assert one["executions"][0]["recorded"]["verdict"] == "fail"
    assert one["executions"][0]["judges"][0]["flagged"]
    unknown = run_cli("backtest", "--execution", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "--data-dir", service.data_dir)
    assert unknown.returncode == 66 and "01ARZ3" in unknown.stderr
    service.start()


# --- plan ---

def test_the_longest_metric_decides_how_long_to_run(scripted_store, tmp_path):
    history = History(scripted_store, **{'quiet{v="a"': ar1("qa", 0), 'quiet{v="b"': ar1("qb", 0),
                                         'slow{v="a"': ar1("sa", 0.9), 'slow{v="b"': ar1("sb", 0.9)})
    config = config_file(tmp_path, "quiet", "slow", slow={"direction": "increase"})
    more = ["--baseline", "a", "--canary", "b", "--detect", "10%"]
    report = report_of(ask("plan", history, config, *more, "-o", "json"))
    quiet, slow = report["metrics"]
    # 0.48 SD of 10 at 120 points and 0.37 SD at 180: docs/judges.md's table of what is detectable
    assert abs(quiet["sees"][1]["percent"] - 3.7) < 0.3
    assert quiet["secondsNeeded"] < 3600 < 3 * 3600 < slow["secondsNeeded"] < 8 * 3600
    assert report["answer"]["metric"] == "slow" and report["answer"]["secondsNeeded"] == slow["secondsNeeded"]
    assert report["answer"]["text"].startswith("to see a rise of 10 % in slow this canary must run ")
    table = ask("plan", history, config, *more)
    assert table.returncode == 0 and report["answer"]["text"] in table.stdout
    # half the change takes four times as long
    small = report_of(ask("plan", history, config, *more[:-1], "5%", "-o", "json"))["metrics"][1]
    assert 3.2 < small["secondsNeeded"] / slow["secondsNeeded"] < 4.2


def test_what_never_shows_says_why(scripted_store, tmp_path):
    history = History(scripted_store, lenient=ar1("l", 0), zero=[0.0] * (N_MINUTES + 1), m=ar1("m", 0))
    config = config_file(tmp_path, "lenient", "zero", "absent", "m",
                         lenient={"effectSize": {"allowedIncrease": 1.2}, "direction": "increase"})
    report = report_of(ask("plan", history, config, "--baseline", "a", "-o", "json"))
    why = {metric["name"]: metric.get("why") for metric in report["metrics"]}
    assert "allow such a change" in why["lenient"] and "level is 0" in why["zero"]
    assert "too few points" in why["absent"] and why["m"] is None
    assert report["answer"]["metric"] == "m" and "zero never shows it" in report["answer"]["text"]
    assert ask("plan", history, config, "--baseline", "a", "--detect", "much").returncode == 64


def test_counts_need_events(scripted_store, tmp_path):
    def poisson(seed, mean):
        rng = random.Random(seed)

        def one():
            k, p = 0, rng.random()
            while p > math.exp(-mean):
                k, p = k + 1, p * rng.random()
            return k

        return [one() for _ in range(N_MINUTES + 1)]

    history = History(scripted_store, **{'errors{v="a"': poisson("a", 2), 'errors{v="b"': poisson("b", 2),
                                         "requests": [1000] * (N_MINUTES + 1)})
    config = config_file(tmp_path, "errors", "requests", judge={"name": RANKS},
                         errors={"direction": "increase", "judge": {"metricType": "counter",
                                                                    "exposureMetric": "requests"}})
    # (z[0.99] + z[0.8])^2 (1/120 + 1/120) / ln(1.5)^2 hours
    expected = (2.3263 + 0.8416) ** 2 * (2 / 120) / math.log(1.5) ** 2 * 3600
    for scopes in (["--baseline", "a", "--canary", "b"], ["--baseline", "a"]):
        errors = report_of(ask("plan", history, config, *scopes, "--detect", "50%", "-o", "json"))["metrics"][0]
        assert errors["formula"] == "poisson" and abs(errors["eventsPerHour"] - 240) < 6
        assert abs(errors["level"] - 0.002) < 1e-4
        assert 0.9 < errors["secondsNeeded"] / expected < 1.25, scopes
