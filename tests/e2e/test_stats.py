"""Every line of fixtures/golden/stats-public.jsonl.gz, asked of `serinus stats --batch`, and what it
says to requests it cannot answer. The binary is $SERINUS, or build/serinus."""

import gzip
import json
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SERINUS", str(TOP / "build" / "serinus"))
TEXT_NUMBERS = {"Infinity": float("inf"), "-Infinity": float("-inf")}

with gzip.open(TOP / "fixtures" / "golden" / "stats-public.jsonl.gz", "rt") as file:
    LINES = [json.loads(line) for line in file]
KINDS = sorted({line["kind"] for line in LINES})


def ask(requests):
    text = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([BINARY, "stats", "--batch"], input=text, capture_output=True, text=True,
                          timeout=300, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["id"] for a in answers] == [r["id"] for r in requests]
    return answers


def allowed(field, want, tol):
    """The tolerance of a line for one number; see the README beside the data."""
    rel, margin = tol["rel"], tol["abs"]
    if field in ("lower", "upper") and "ci_rel" in tol:
        rel = tol["ci_rel"]
    if field == "mle_log_ratio" and "mle_abs" in tol:
        return tol["mle_abs"]
    if field in ("T1_kSamples", "T2_kSamples"):
        return tol["T_kSamples_abs"] + tol["T_kSamples_rel"] * abs(want)
    if field in ("p1_kSamples", "p2_kSamples"):
        return tol["p_abs"]
    return margin + rel * abs(want)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def compare(field, got, want, tol):
    if isinstance(want, list):
        assert len(got) == len(want), field
        for i, one in enumerate(want):
            compare(field, got[i], one, tol)
    elif is_number(want):
        assert is_number(got), f"{field}: {got!r}, want {want!r}"
        assert abs(got - want) <= allowed(field, want, tol), f"{field}: {got!r}, want {want!r}"
    else:
        assert got == want, field


def test_the_data_are_all_there():
    assert len(LINES) == 450 and len(KINDS) == 32


@pytest.mark.parametrize("kind", KINDS)
def test_reference_values(kind):
    lines = [line for line in LINES if line["kind"] == kind]
    for line, answer in zip(lines, ask(lines)):
        assert "result" in answer, f"{line['id']}: {answer}"
        for field, want in line["expected"].items():
            assert field in answer["result"], f"{line['id']} {field}"
            try:
                compare(field, answer["result"][field], want, line["tol"])
            except AssertionError as error:
                raise AssertionError(f"{line['id']}: {error}") from error


def test_an_unknown_kind_lists_what_there_is():
    answer, none = ask([{"id": 1, "kind": "anova", "inputs": {}}, {"id": 2}])
    for kind in [*KINDS, "mannwhitney"]:
        assert kind in answer["error"]
    assert '"anova"' in answer["error"] and "(none)" in none["error"]


@pytest.mark.parametrize("kind, inputs, params, field", [
    ("welch_t", {"x": [1, 2]}, {}, "inputs.y"),
    ("welch_t", {"x": [1, "NaN"], "y": [1, 2]}, {}, "inputs.x[1]"),
    ("welch_t", {"x": [1, "Infinity"], "y": [1, 2]}, {}, "inputs.x[1]"),
    ("welch_t", {"x": [], "y": [1, 2]}, {}, "inputs.x"),
    ("welch_t", {"x": [1, 2], "y": [1, 3]}, {"conf_level": 1}, "params.conf_level"),
    ("welch_t", {"x": [1, 2], "y": [1, 3]}, {"alternative": "more"}, "params.alternative"),
    ("welch_t", None, None, "inputs.x"),
    ("mann_whitney_exact", {"x": [1] * 50, "y": [2]}, {}, "50"),
    ("hodges_lehmann_exact_ci", {"x": [1], "y": list(range(50))}, {}, "inputs.y"),
    ("hodges_lehmann_normal_ci", {"x": [1, 2], "y": [1, 3]}, {"correct": 1}, "params.correct"),
    ("kayenta_mann_whitney", {"experiment": [1, 2], "control": []}, {}, "inputs.control"),
    ("kayenta_mann_whitney", {"experiment": [1, 2], "control": [3]}, {"direction": "up"},
     "either, increase, decrease"),
    ("tost_welch", {"x": [1, 2], "y": [1, 3]}, {"low": -1}, "params.upp"),
    ("tost_welch", {"x": [1, 2], "y": [1, 3]}, {"low": 1, "upp": -1}, "params.upp"),
    ("power", {"n": 1.5, "delta": 1}, {}, "inputs.n"),
    ("power", {"n": 15}, {}, "inputs.delta"),
    ("p_adjust", {"p": [0.1, 1.5]}, {}, "inputs.p[1]"),
    ("autocorrelation", {"x": [1]}, {}, "inputs.x"),
    ("autocorrelation", {"x": [1, 2, 3]}, {"ljung_box_lag": 0}, "params.ljung_box_lag"),
    ("har_mean_paired", {"x": [1, 2, 3], "y": [1, 2]}, {}, "inputs.y"),
    ("har_rank_paired", {"x": [1, 2, 3], "y": [1, 2]}, {}, "inputs.y"),
])
def test_an_error_names_the_field(kind, inputs, params, field):
    answer = ask([{"id": kind, "kind": kind, "inputs": inputs, "params": params}])[0]
    assert field in answer["error"]


def test_what_cannot_be_computed_is_null():
    constant, tied, apart, short = ask([
        {"id": 1, "kind": "welch_t", "inputs": {"x": [7.4] * 3, "y": [7.4] * 4}},
        {"id": 2, "kind": "kayenta_mann_whitney", "inputs": {"experiment": [7.4] * 3, "control": [7.4] * 4}},
        {"id": 3, "kind": "brunner_munzel", "inputs": {"x": [5.1, 6.2, 7.9], "y": [1.2, 2.5]}},
        {"id": 4, "kind": "autocorrelation", "inputs": {"x": [1.3, 2.9, 2.1]}},
    ])
    assert constant["result"]["p"] == 1 and constant["result"]["df"] is None
    assert tied["result"]["error"] is True and tied["result"]["estimate"] is None
    assert tied["result"]["classification"] == "Error"
    assert apart["result"]["p"] == 0 and apart["result"]["df"] is None
    assert apart["result"]["statistic"] is None
    assert (apart["result"]["lower"], apart["result"]["upper"]) == (1, 1)
    assert short["result"]["ljung_box_q"] is None and short["result"]["acf1"] < 0
