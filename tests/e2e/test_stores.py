"""A whole canary through the stores that Kayenta does not have. v42 is like the baseline v41, v44 is half as much
again."""
import gzip
import json
import os

from conftest import T0, WINDOW, one_metric_config, run_cli, scope, canary_request
from test_hosted_stores import START, N_POINTS, check_failure, check_verdicts, fetched, iso, settings, values


def csv_text():
    rows = ["time,metric,side,value,route"]
    for side in ("v41", "v42", "v44"):
        rows += [f"{iso(START + 60 * i)},latency,{side},{v},/pay" for i, v in enumerate(values(side))]
    return "\n".join(rows) + "\n"


def openmetrics_text():
    lines = ["# TYPE latency gauge"]
    for side in ("v41", "v42", "v44"):
        lines += [f'latency{{version="{side}"}} {v} {START + 60 * i}' for i, v in enumerate(values(side))]
    return "\n".join(lines + ["# EOF"]) + "\n"


def file_settings(path, **more):
    return settings({"name": "recorded", "type": "file", "path": str(path), **more})


def test_files_in_place_of_a_store(tmp_path, start_serinus):
    folder = tmp_path / "recorded"
    (folder / "day1").mkdir(parents=True)
    (folder / "run.csv.gz").write_bytes(gzip.compress(csv_text().encode()))
    (folder / "day1" / "run.om").write_text(openmetrics_text())
    os.symlink("/etc/passwd", folder / "passwd.csv")
    service = start_serinus(file_settings(folder))
    check_verdicts(service, one_metric_config({"type": "file", "series": "latency", "file": "run.csv.gz"}), [])
    check_verdicts(service, one_metric_config({"type": "file", "file": "day1/run.om",
                                               "customInlineTemplate": 'latency{version="${scope}"}'}), [])
    check_failure(service, one_metric_config({"type": "file", "series": "latency", "file": "passwd.csv"}),
                  "leads out of the account's folder", ["root:"])
    check_failure(service, one_metric_config({"type": "file", "series": "latency"}), "it is a folder", [])
    by_hand = {"metricSetName": "m", "series": "latency", "file": "run.csv.gz", "scope": "v41",
               "start": iso(START), "end": iso(START + 3600), "step": 60}
    sets = fetched(service, "file", by_hand)
    assert sets[0]["tags"] == {"route": "/pay"} and len(sets[0]["values"]) == N_POINTS
    dry = service.post("/fetch/file/query", params={**by_hand, "dryRun": "true"})
    assert dry.json() == {"query": "run.csv.gz#latency"}
    refused = service.post("/fetch/file/query", params={**by_hand, "file": "../x.csv"})
    assert refused.status_code == 400 and "file name '../x.csv' is not allowed" in refused.text
    assert service.get("/metadata/metricsService").json() == []


def test_a_bundle_is_judged_again_as_a_store(tmp_path, start_serinus):
    """What --save-bundle writes can be asked, by a service and by a run without one; no network anywhere."""
    (tmp_path / "run.csv").write_text(csv_text())
    (tmp_path / "csv.json").write_text(file_settings(tmp_path / "run.csv"))
    (tmp_path / "bundle.json.yml").write_text(file_settings(tmp_path / "saved.json"))
    config = one_metric_config({"type": "file", "series": "latency"}, name="latency")
    (tmp_path / "config.json").write_text(json.dumps(config))
    common = ["--start", WINDOW[0], "--end", WINDOW[1], "-f", tmp_path / "config.json"]
    first = run_cli("run", "--accounts", tmp_path / "csv.json", "--baseline", "v41", "--canary", "v44",
                    "--save-bundle", tmp_path / "saved.json", *common)
    assert first.returncode == 11, first.stdout + first.stderr
    second = run_cli("run", "--accounts", tmp_path / "bundle.json.yml", "--baseline", "control",
                     "--canary", "experiment", *common)
    assert second.returncode == 11, second.stdout + second.stderr
    service = start_serinus(file_settings(tmp_path / "saved.json"))
    body = service.judge(config, canary_request(control=scope("control", "eu"), experiment=scope("canary", "eu")))
    assert body["result"]["judgeResult"]["score"]["classification"] == "Fail"
    assert service.get("/metadata/metricsService").json() == [{"name": "latency", "file": "saved.json"}]


def test_collect_shows_what_a_file_becomes(tmp_path):
    line = {"id": 1, "store": "file", "account": {}, "metric": {"name": "latency", "query": {"type": "file"}},
            "scope": {"scope": "v42", "start": iso(START), "end": iso(START + 3600), "step": 60},
            "replies": [{"body": csv_text()}]}
    answer = json.loads(run_cli("collect", "--batch", stdin=json.dumps(line) + "\n").stdout)
    assert answer["requests"][0]["method"] == "GET" and answer["requests"][0]["url"].startswith("file://")
    assert len(answer["metricSets"][0]["values"]) == N_POINTS
