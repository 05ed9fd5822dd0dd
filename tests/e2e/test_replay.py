"""Bundles: saved by `run`, judged again without a network, byte for byte."""
import glob
import gzip
import json
import os

import pytest
from conftest import TOP, WINDOW, run_cli

BUNDLES = sorted(glob.glob(os.path.join(TOP, "fixtures/bundles/*.json")))
CONFIG = os.path.join(TOP, "fixtures/demo/canary-config.json")
# What fixtures/README.md says about each.
VERDICTS = {
    "good-release": ("Pass", 100.0),
    "latency-regression": ("Fail", 70.0),
    "error-rate-regression": ("Fail", 60.0),
    "saturation-creep": ("Marginal", 80.0),
    "missing-canary-data": ("Fail", 0.0),
    "noisy-but-harmless": ("Pass", 100.0),
}


def test_the_list_is_complete():
    assert {os.path.basename(path)[:-len(".json")] for path in BUNDLES} == set(VERDICTS)


@pytest.mark.smoke
@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_recorded_bundles_keep_their_verdict(name):
    path = os.path.join(TOP, f"fixtures/bundles/{name}.json")
    with open(path, encoding="utf-8") as source:
        recorded = json.load(source)
    score = recorded["result"]["score"]
    assert (score["classification"], score["score"]) == VERDICTS[name]
    done = run_cli("replay", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical, byte for byte" in done.stdout
    assert os.path.getsize(path) < 200_000


def test_all_bundles_in_one_call():
    done = run_cli("replay", *BUNDLES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_replayed_bundle_is_byte_identical(prometheus, tmp_path):
    bundle = tmp_path / "bundle.json"
    arguments = ["run", "-f", CONFIG, "--prometheus", prometheus.url, "--baseline", "v41", "--canary", "v43",
                 "--baseline-location", "baseline", "--canary-location", "canary",
                 "--start", WINDOW[0], "--end", WINDOW[1], "--save-bundle"]
    assert run_cli(*arguments, bundle).returncode == 11
    done = run_cli("replay", bundle, "-o", "json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == run_cli("replay", bundle, "-o", "json").stdout
    # Neither the endpoint nor anything else of the account is in it.
    text = bundle.read_text()
    assert "127.0.0.1" not in text and prometheus.url not in text
    again = tmp_path / "again.json"
    run_cli(*arguments, again)
    first, second = json.loads(text), json.loads(again.read_text())
    assert first["metricSets"] == second["metricSets"]
    assert first["result"]["score"] == second["result"]["score"]


def test_a_changed_bundle_is_11(tmp_path):
    with open(os.path.join(TOP, "fixtures/bundles/good-release.json"), encoding="utf-8") as source:
        bundle = json.load(source)
    for one in bundle["metricSets"]:
        if one["side"] == "experiment" and one["name"].startswith("latency"):
            one["values"] = [2 * value if isinstance(value, float) else value for value in one["values"]]
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(bundle))
    done = run_cli("replay", path)
    assert done.returncode == 11, done.stdout + done.stderr
    assert run_cli("replay", path, "--exit-zero").returncode == 0


def test_a_bundle_that_is_none_is_65(tmp_path):
    for name, text in (("empty", ""), ("object", "{}"), ("schema", '{"schema":"other/v1"}'), ("cut", '{"schema":')):
        path = tmp_path / name
        path.write_text(text)
        done = run_cli("replay", path)
        assert done.returncode == 65, (name, done.stderr)
        assert name in done.stderr


def test_a_compressed_bundle(tmp_path):
    """By its content, not its name; a bomb and what is cut are refused."""
    path = tmp_path / "bundle"
    with open(BUNDLES[0], "rb") as source:
        packed = gzip.compress(source.read())
    path.write_bytes(packed)
    done = run_cli("replay", path)
    assert done.returncode == 0 and "identical, byte for byte" in done.stdout, done.stderr
    path.write_bytes(packed[:-20])
    done = run_cli("replay", path)
    assert done.returncode == 65 and "broken or cut" in done.stderr
    path.write_bytes(gzip.compress(b" " * (200 << 20)))
    done = run_cli("validate", path)
    assert done.returncode == 65 and "too large" in done.stderr
