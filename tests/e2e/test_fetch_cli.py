"""`serinus fetch`: the series and queries of both sides, without a verdict. Pairs that a label keeps apart."""
import csv
import io
import json
import os

import pytest
from conftest import TOP, WINDOW, matrix, run_cli

CONFIG = os.path.join(TOP, "fixtures/demo/canary-config.json")
QUERY = {"type": "prometheus", "customInlineTemplate": "PromQL:sum by (version) (rps{version=\"${scope}\"})"}
BY_VERSION = {
    "name": "by-version", "applications": ["checkout"], "configVersion": "1", "judge": {"name": "NetflixACAJudge-v1.0"},
    "metrics": [{"name": "rps", "query": QUERY, "groups": ["g"], "scopeName": "default"}],
    "classifier": {"groupWeights": {"g": 100}},
}


def fetch(store, *more, config=CONFIG, command="fetch", canary="v42"):
    return run_cli(command, "-f", config, "--prometheus", store.url, "--baseline", "v41", "--canary", canary,
                   "--baseline-location", "baseline", "--canary-location", "canary",
                   "--start", WINDOW[0], "--end", WINDOW[1], *more)


def by_version(tmp_path, **judge):
    path = tmp_path / "by-version.json"
    config = dict(BY_VERSION, judge=dict(BY_VERSION["judge"], **judge))
    path.write_text(json.dumps(config))
    return path


def answer_by_version(path, query):
    version = "v42" if "v42" in query["query"] else "v41"
    return 200, {}, matrix([i % 7 + (i * 13 % 5) / 10 + (version == "v42") / 100 for i in range(61)],
                           labels={"version": version})


@pytest.mark.smoke
def test_csv_has_every_point_of_both_sides(prometheus):
    done = fetch(prometheus)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == ["time", "metric", "side", "value", "tags"]
    names = [metric["name"] for metric in json.load(open(CONFIG, encoding="utf-8"))["metrics"]]
    for name in names:
        for side in ("baseline", "canary"):
            of_side = [row for row in rows if (row["metric"], row["side"]) == (name, side)]
            assert len(of_side) == 61, (name, side)
            assert of_side[0]["time"] == WINDOW[0]
            assert all(float(row["value"]) >= 0 for row in of_side)


def test_json_and_pairs_are_what_run_judges(prometheus, tmp_path):
    bundle = tmp_path / "bundle.json"
    assert fetch(prometheus, "--save-bundle", bundle, "-q", "--pass", "95", "--marginal", "75",
                 command="run").returncode == 0
    recorded = json.loads(bundle.read_text())
    pairs, sets = tmp_path / "pairs.json", tmp_path / "sets.json"
    done = fetch(prometheus, "-o", f"pairs={pairs}", "-o", f"json={sets}")
    assert done.returncode == 0 and not done.stdout and not done.stderr, done.stderr

    def values(items):
        return sorted(json.dumps([item["name"], item.get("side"), item["values"]]) for item in items)

    assert values(json.loads(pairs.read_text())) == values(recorded["metricSetPairList"])
    assert values(json.loads(sets.read_text())) == values(recorded["metricSets"])
    judged = run_cli("judge", "-f", CONFIG, "--pairs", pairs, "--pass", "95", "--marginal", "75")
    assert judged.returncode == 0, judged.stderr


def test_one_metric_and_its_raw_reply(scripted_store):
    scripted_store.answer = answer_by_version
    done = fetch(scripted_store, "--metric", "error_ratio", "--raw")
    assert done.returncode == 0, done.stderr
    assert len(scripted_store.requests) == 2
    assert done.stdout.count("# metric \"error_ratio\"") == 2
    assert matrix([]).decode()[:40] in done.stdout and "status 200" in done.stdout
    unknown = fetch(scripted_store, "--metric", "error_rate")
    assert unknown.returncode == 64 and "error_rate" in unknown.stderr


def test_a_raw_reply_is_shown_even_if_it_is_an_error(scripted_store):
    scripted_store.answer = lambda path, query: (400, {}, b'{"status":"error","error":"unknown function"}')
    done = fetch(scripted_store, "--metric", "error_ratio", "--raw")
    assert done.returncode == 69 and "unknown function" in done.stderr
    assert done.stdout.count('{"status":"error","error":"unknown function"}') == 2


def test_queries_are_printed_without_asking_anybody():
    class Nowhere:
        url = "http://127.0.0.1:1"

    done = fetch(Nowhere, "--print-query", "--metric", "latency_p50")
    assert done.returncode == 0, done.stderr
    assert 'version="v41"' in done.stdout and 'version="v42"' in done.stdout
    assert done.stdout.splitlines()[0] == '# metric "latency_p50", baseline'


@pytest.mark.parametrize("arguments, code, word", [
    (["-o", "xml"], 64, "csv"),
    (["-o", "csv", "--raw"], 64, "--raw"),
    (["--start", "yesterdayish"], 65, "--start"),
    (["more"], 64, "more"),
    (["--pairing", "guess"], 64, "--pairing"),
    (["-o", "csv=/nonexistent/x.csv"], 73, "/nonexistent"),
])
def test_wrong_arguments(scripted_store, arguments, code, word):
    scripted_store.answer = answer_by_version
    done = fetch(scripted_store, *arguments)
    assert done.returncode == code, done.stderr
    assert word in done.stderr and not done.stdout


def test_the_label_that_separates_the_sides_is_left_out_and_said(scripted_store, tmp_path):
    scripted_store.answer = answer_by_version
    config = by_version(tmp_path)
    pairs = json.loads(fetch(scripted_store, "-o", "pairs", config=config).stdout)
    assert len(pairs) == 1 and pairs[0]["tags"] == {}
    assert pairs[0]["attributes"]["control"]["pairedWithout"] == 'version="v41"'
    done = fetch(scripted_store, "-o", "json", "--pass", "95", "--marginal", "75", config=config, command="run")
    assert done.returncode == 0, done.stderr
    warnings = json.loads(done.stdout)["warnings"]
    assert any("paired although a label differs" in warning and 'version="v42"' in warning for warning in warnings)


def test_kayentas_way_by_flag_and_by_config(scripted_store, tmp_path):
    scripted_store.answer = answer_by_version
    by_flag = fetch(scripted_store, "-o", "pairs", "--pairing", "kayenta", config=by_version(tmp_path))
    config = by_version(tmp_path, judgeConfigurations={"seriesPairing": "kayenta"})
    by_config = fetch(scripted_store, "-o", "pairs", config=config)
    assert len(json.loads(by_flag.stdout)) == len(json.loads(by_config.stdout)) == 2
    judged = fetch(scripted_store, "--pass", "95", "--marginal", "75", config=config, command="run")
    assert judged.returncode == 12 and "have no partner" in judged.stderr, judged.stderr
    wrong = by_version(tmp_path, judgeConfigurations={"seriesPairing": "best"})
    done = fetch(scripted_store, "-o", "pairs", config=wrong)
    assert done.returncode == 65 and "/judge/judgeConfigurations/seriesPairing" in done.stderr, done.stderr


def test_warnings_say_what_to_change(scripted_store, tmp_path):
    scripted_store.answer = lambda path, query: (200, {}, matrix([i // 3 * 7 % 61 for i in range(61)]))
    done = fetch(scripted_store, "--pass", "95", "--marginal", "75", config=by_version(tmp_path), command="run")
    assert done.returncode == 0
    assert "point by point" in done.stderr and "take a step of 180 s" in done.stderr, done.stderr
