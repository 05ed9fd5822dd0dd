"""calibrationWindows: a canary also asks for the windows before it, and its judge learns from them how far
each metric wanders by itself. History is never in the way of a verdict."""
import json
import math
import random
import threading

import pytest
from conftest import T0, kayenta_yml, matrix, run_cli, scope, wait_until

RANKS = "RobustRank-v1.0"
HOUR, N_HOURS = 3600, 60
START = T0 + 50 * HOUR  # of the canary; before it there are fifty hours
WINDOW = ("2026-01-03T02:00:00Z", "2026-01-03T03:00:00Z")
REQUEST = {"scopes": {"default": {"controlScope": scope("a", "x", *WINDOW), "experimentScope": scope("b", "x", *WINDOW)}},
           "thresholds": {"pass": 95, "marginal": 75}}


def wander(seed, phi=0.95):
    rng, x, values = random.Random(seed), 0.0, []
    for _ in range(N_HOURS * 60):
        x = phi * x + math.sqrt(1 - phi * phi) * rng.gauss(0, 1)
        values.append(round(100 + 10 * x, 4))
    return values


SERIES = {"a": wander("a"), "b": wander("b")}


def unix(text):
    from datetime import datetime
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) if "T" in text else int(text)


def answer(path, query):
    version = "a" if '"a"' in query["query"] else "b"
    first, last = (unix(query["start"]) - T0) // 60, (unix(query["end"]) - T0) // 60
    values = SERIES[version][max(first, 0):last + 1]
    return 200, {}, matrix(values, T0 + 60 * max(first, 0), labels={"v": version, "pod": "p"})


def config(windows=20, judge=RANKS):
    options = {"calibrationWindows": windows} if windows else {}
    return {
        "name": "calibrated", "applications": ["a"], "judge": {"name": judge, "judgeConfigurations": options},
        "metrics": [{"name": "m", "groups": ["g"], "scopeName": "default",
                     "query": {"type": "prometheus", "customInlineTemplate": 'PromQL:m{v="${scope}"}'}}],
        "classifier": {"groupWeights": {"g": 100}},
    }


def run(store, tmp_path, *more, **options):
    path = tmp_path / "canary.json"
    path.write_text(json.dumps(config(**options)))
    return run_cli("run", "-f", path, "--prometheus", store.url, "--baseline", "a", "--canary", "b",
                   "--start", WINDOW[0], "--end", WINDOW[1], "--pass", "95", "--marginal", "75", *more)


def metric_of(done):
    assert done.returncode in (0, 11), done.stderr
    body = json.loads(done.stdout)
    return body["result"]["judgeResult"]["results"][0]


@pytest.mark.smoke
def test_one_more_query_a_side_covers_all_windows(scripted_store, tmp_path):
    scripted_store.answer = answer
    judge = metric_of(run(scripted_store, tmp_path, "-o", "json=kayenta"))["resultMetadata"]["judge"]
    assert judge["calibration"]["windows"] == 20
    assert judge["calibration"]["factor"] > 1.1  # it wanders for longer than an hour
    windows = sorted((unix(q["start"]), unix(q["end"])) for _, q, _ in scripted_store.requests)
    assert windows == [(START - 20 * HOUR, START)] * 2 + [(START, START + HOUR)] * 2
    plain = metric_of(run(scripted_store, tmp_path, "-o", "json=kayenta", windows=0))["resultMetadata"]["judge"]
    assert "calibration" not in plain
    # the standard error was multiplied, nothing else
    ratio = plain["statistic"]["value"] / judge["statistic"]["value"]
    assert abs(ratio - judge["calibration"]["factor"]) < 1e-9


def test_nobody_asks_for_what_nobody_wants(scripted_store, tmp_path):
    scripted_store.answer = answer
    for options in ({"windows": 0}, {"judge": "NetflixACAJudge-v1.0"}):
        scripted_store.requests.clear()
        assert run(scripted_store, tmp_path, **options).returncode in (0, 11)
        assert len(scripted_store.requests) == 2, options


@pytest.mark.parametrize("history", [
    lambda: (400, {}, b'{"status":"error","errorType":"bad_data","error":"too far back"}'),
    lambda: (200, {}, b'{"status":"success","data":{"resultType":"matrix","result":[]}}'),
    lambda: (200, {}, b'{"status":"success","data":{}}'),
], ids=["refused", "empty", "broken"])
def test_a_verdict_needs_no_history(scripted_store, tmp_path, history):
    scripted_store.answer = lambda path, query: history() if unix(query["start"]) < START else answer(path, query)
    with_history = run(scripted_store, tmp_path)
    plain = run(scripted_store, tmp_path, windows=0)
    assert with_history.returncode == plain.returncode and with_history.stdout == plain.stdout
    assert 'metric "m" is judged without calibration' in with_history.stderr
    assert "calibration" not in plain.stderr


def test_history_shorter_than_asked_for(scripted_store, tmp_path):
    scripted_store.answer = answer
    judge = metric_of(run(scripted_store, tmp_path, "-o", "json=kayenta", windows=100))["resultMetadata"]["judge"]
    assert judge["calibration"]["windows"] == 50  # what there is before the canary


def test_a_window_too_long_to_look_back(scripted_store, tmp_path):
    """Ten windows of four days are more than may be asked for: it is said, and nothing is asked."""
    scripted_store.answer = answer
    done = run(scripted_store, tmp_path, "--start", "2026-01-01T00:00:00Z", "--end", "2026-01-05T00:00:00Z")
    assert done.returncode in (0, 11) and "without calibration" in done.stderr
    assert len(scripted_store.requests) == 2


def test_the_service_looks_back_too(scripted_store, start_serinus):
    scripted_store.answer = answer
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    status = service.judge(config(), REQUEST)
    assert status["status"] == "succeeded", status
    judge = status["result"]["judgeResult"]["results"][0]["resultMetadata"]["judge"]
    assert judge["calibration"]["windows"] == 20
    assert len(scripted_store.requests) == 4
    assert "istory" not in json.dumps(status["stageStatus"])  # Kayenta's stages, and no others


def test_a_stop_while_looking_back_leaves_the_verdict_to_the_next_start(scripted_store, start_serinus):
    """Judged without its history, the canary would get another one."""
    gate = threading.Event()

    def slow(path, query):
        if unix(query["start"]) < START:
            gate.wait(20)
        return answer(path, query)

    scripted_store.answer = slow
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    execution = service.start_canary(config(), REQUEST)
    wait_until(lambda: service.get(f"/canary/{execution}").json()["stageStatus"]["fetchExperiment0"] == "succeeded" and
               len(scripted_store.requests) == 4, "all but the history")
    service.stop()
    gate.set()
    service.start()
    status = service.wait_for(execution)
    assert status["status"] == "succeeded", status
    assert status["result"]["judgeResult"]["results"][0]["resultMetadata"]["judge"]["calibration"]["windows"] == 20
