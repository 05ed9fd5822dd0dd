"""The judges beside the standard one, by serinus judge --batch: what their reports say."""

import json
import math
import os
import pathlib
import random
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SERINUS", str(TOP / "build" / "serinus"))
MINUTES = 120


def gauge(mean, seed):
    source = random.Random(seed)
    return [mean + source.gauss(0, 5) for _ in range(MINUTES)]


def counts(mean, seed):
    """Knuth's product of uniforms."""
    source = random.Random(seed)

    def one():
        product, n = source.random(), 0
        while product > math.exp(-mean):
            product, n = product * source.random(), n + 1
        return n
    return [float(one()) for _ in range(MINUTES)]


def pair(name, control, experiment):
    scope = {"startTimeMillis": 1700000000000, "startTimeIso": "2023-11-14T22:13:20Z",
             "stepMillis": 60000}
    return {"name": name, "id": name, "tags": {}, "scopes": {"control": scope, "experiment": scope},
            "values": {"control": control, "experiment": experiment}}


def case(judge, pairs, options=None, effect_size=None):
    canary = {"judge": options or {}}
    if effect_size:
        canary["effectSize"] = effect_size
    metrics = [{"name": one["name"], "groups": ["g"], "analysisConfigurations": {"canary": canary}}
               for one in pairs[:1]]
    metrics += [{"name": one["name"], "groups": ["g"]} for one in pairs[1:]]
    return {"id": judge, "thresholds": {"pass": 95, "marginal": 75}, "metricSetPairs": pairs,
            "config": {"name": "checkout", "metrics": metrics,
                       "judge": {"name": judge, "judgeConfigurations": {}},
                       "classifier": {"groupWeights": {"g": 100}}}}


def refuse_constant(text):
    raise AssertionError(f"{text} is no JSON number")


def judged(*cases):
    """The first metric's result of each case."""
    text = "".join(json.dumps(one) + "\n" for one in cases)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run([BINARY, "judge", "--batch"], input=text, capture_output=True, text=True,
                          timeout=60, check=False, env=environment)
    replies = [json.loads(line, parse_constant=refuse_constant)
               for line in done.stdout.splitlines()]
    assert len(replies) == len(cases), done.stderr
    return [first_result(reply) for reply in replies]


def first_result(reply):
    """The results, wherever the line has them."""
    if isinstance(reply, dict):
        if "results" in reply:
            return reply["results"][0]
        for value in reply.values():
            found = first_result(value)
            if found:
                return found
    return None


SLOWER = pair("latency", gauge(100, 1), gauge(110, 2))
SAME = pair("latency", gauge(100, 1), gauge(100, 3))


@pytest.mark.parametrize("judge, options, method", [
    ("RobustRank-v1.0", {}, "rank-har-paired"),
    ("RobustRank-v1.0", {"method": "ess"}, "rank-ess"),
    ("Mean-v1.0", {}, "mean-har-paired"),
    ("Mean-v1.0", {"pairing": "unpaired"}, "mean-har-unpaired"),
    ("Mean-v1.0", {"method": "welch"}, "welch"),
    ("Mean-v1.0", {"method": "bootstrap", "bootstrapSamples": 499}, "mean-bootstrap"),
    ("Distribution-v1.0", {}, "anderson-darling"),
    ("Distribution-v1.0", {"method": "ks"}, "kolmogorov-smirnov"),
    ("Distribution-v1.0", {"method": "quantile"}, "quantile"),
    ("Auto-v1.0", {}, "rank-har-paired"),
    ("Auto-v1.0", {"metricType": "histogram"}, "anderson-darling"),
])
def test_slower_is_found(judge, options, method):
    slower, same = judged(case(judge, [SLOWER], options), case(judge, [SAME], options))
    report = slower["resultMetadata"]["judge"]
    assert (slower["classification"], same["classification"]) == ("High", "Pass")
    assert report["name"] == judge
    assert report["method"] == method
    assert report["decision"] == "harm"
    assert report["pValue"] <= 0.02 < same["resultMetadata"]["judge"]["pValue"]
    assert slower["classificationReason"].startswith("latency ")


def test_margins_of_means():
    allowed = {"measure": "meanRatio", "allowedIncrease": 1.2, "allowedDecrease": 0.8}
    (result,) = judged(case("Mean-v1.0", [SLOWER], {}, allowed))
    report = result["resultMetadata"]["judge"]
    assert result["classification"] == "Pass"
    assert report["decision"] == "non-inferior"
    assert report["effect"]["measure"] == "ratio"
    assert 1.0 < report["effect"]["lower"] < report["effect"]["estimate"] < 1.2


def test_rates_with_requests():
    """Twice the errors in twice the requests are no news; in as many, they are."""
    errors = pair("errors", counts(3, 1), counts(6, 2))
    few = pair("requests", [1000.0] * MINUTES, [1000.0] * MINUTES)
    many = pair("requests", [1000.0] * MINUTES, [2000.0] * MINUTES)
    options = {"exposureMetric": "requests", "metricType": "counter"}
    worse, same = judged(case("Rate-v1.0", [errors, few], options),
                         case("Auto-v1.0", [errors, many], options))
    assert worse["classification"] == "High"
    assert worse["resultMetadata"]["judge"]["effect"]["measure"] == "rateRatio"
    assert same["classification"] == "Pass"
    assert "warnings" not in same["resultMetadata"]["judge"]


def test_rates_without_requests_warn():
    (result,) = judged(case("Rate-v1.0", [pair("errors", [0.0] * MINUTES, counts(1, 3))]))
    report = result["resultMetadata"]["judge"]
    assert result["classification"] == "High"
    assert report["effect"]["estimate"] is None
    assert report["effect"]["upper"] == "Infinity"
    assert [warning["code"] for warning in report["warnings"]] == ["noExposure"]


def test_fractions_are_no_counts():
    (result,) = judged(case("Rate-v1.0", [pair("errors", [0.3] * MINUTES, [0.2, 0.4] * (MINUTES // 2))]))
    assert result["classification"] == "Error"
    assert "numbers of events" in result["classificationReason"]


def test_extrapolated_counts_are_rounded():
    extrapolated = [1.07 * value for value in counts(1, 3)]
    (result,) = judged(case("Rate-v1.0", [pair("errors", [0.0] * MINUTES, extrapolated)]))
    warnings = result["resultMetadata"]["judge"]["warnings"]
    assert result["classification"] == "High"
    assert "roundedCounts" in [warning["code"] for warning in warnings]


def test_a_method_of_another_judge():
    (result,) = judged(case("Mean-v1.0", [SLOWER], {"method": "ks"}))
    assert result["classification"] == "Error"
    assert '"welch"' in result["classificationReason"]


def test_random_judge():
    first, again = judged(case("dredd-v1.0", [SLOWER]), case("dredd-v1.0", [SLOWER]))
    assert first["classification"] == again["classification"]
    assert first["classification"] in ("Pass", "High", "Low")
    assert "judge" not in first["resultMetadata"]
