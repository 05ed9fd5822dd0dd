"""Kayenta's own documents in fixtures/kayenta-api, what it means to look like one of them, and the
metric store of the story they tell: one hour of `checkout`, three metrics, four pairs of series."""
import datetime
import json
import os
import re

from conftest import TOP, kayenta_yml

FOLDER = os.path.join(TOP, "fixtures/kayenta-api")
KINDS = [
    ("instant", re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z$")),
    ("ulid", re.compile(r"^[0-9A-HJKMNP-TV-Z]{26}$")),
    ("uuid", re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")),
    ("not finite", re.compile(r"^(NaN|-?Infinity)$")),
]
# Members whose keys are the user's own.
FREE_MAP = re.compile(r"(^|/)(tags|groupWeights|extendedScopeParams|stageStatus|templates|siteLocal|"
                      r"canaryExecutionRequest/scopes|attributes/(control|experiment))$")


def example(name):
    with open(os.path.join(FOLDER, name + ".json"), encoding="utf-8") as source:
        return json.load(source)


def kind(value):
    if isinstance(value, str):
        return next((name for name, pattern in KINDS if pattern.match(value)), "text")
    return {bool: "boolean", int: "integer", float: "real", type(None): "null"}[type(value)]


def differences(got, wanted, more=(), without=(), path=""):
    """What keeps `got` from having the shape of `wanted`: members, types (100 is not 100.0), nulls, and
    the form of ids and instants. Members in `more` may be there, those in `without` may be missing."""
    if isinstance(wanted, dict) and isinstance(got, dict) and FREE_MAP.search(path):
        return [line for key, value in got.items() if wanted
                for line in nearest(value, wanted.values(), more, without, f"{path}/{key}")]
    if isinstance(wanted, dict) and isinstance(got, dict):
        found = [f"{path}/{key}: is missing" for key in set(wanted) - set(got) - set(without)]
        found += [f"{path}/{key}: nobody asked for it" for key in set(got) - set(wanted) - set(more)]
        return found + [line for key in set(got) & set(wanted)
                        for line in differences(got[key], wanted[key], more, without, f"{path}/{key}")]
    if isinstance(wanted, list) and isinstance(got, list):
        if bool(wanted) != bool(got):
            return [f"{path}: has {len(got)} elements, not {len(wanted)}"]
        return [line for i, value in enumerate(got)
                for line in nearest(value, wanted, more, without, f"{path}/{i}")]
    if isinstance(wanted, (dict, list)) or isinstance(got, (dict, list)):
        return [f"{path}: {got!r} is not like {wanted!r}"]
    if kind(got) == kind(wanted) or kind(got) == "not finite" and kind(wanted) == "real":
        return []
    if kind(wanted) == "text" and isinstance(got, str):
        return []
    return [f"{path}: {got!r} is {kind(got)}, not {kind(wanted)}"]


def nearest(got, candidates, more, without, path):
    """The differences to the candidate that `got` is most like."""
    return min((differences(got, wanted, more, without, path) for wanted in candidates), key=len)


def assert_like(got, name, more=(), without=()):
    found = differences(got, example(name), more, without)
    assert not found, f"{name}: " + "; ".join(found)


def assert_answer(answer, name, status=200, **kwargs):
    assert answer.status_code == status, answer.text
    assert_like(answer.json(), name, **kwargs)


# The accounts of the story. The store of objects stands for any: its type decides what is shown.
STORAGE = """  aws:
    enabled: true
    accounts:
      - name: kayenta-s3
        bucket: kayenta-prod
        region: eu-west-1
        supportedTypes: [OBJECT_STORE, CONFIGURATION_STORE]
  s3: {enabled: true}
"""


STORY_PARAMETERS = {
    "application": "checkout", "parentPipelineExecutionId": "01M0F9MJGEVT2KVKJ34J3MHVBD",
    "metricsAccountName": "prometheus-prod", "storageAccountName": "kayenta-s3",
    "configurationAccountName": "kayenta-s3"}


def story_settings(url):
    return kayenta_yml({"prometheus-prod": url}, STORAGE)


class StoryStore:
    """Answers the queries of metricSetPairList-GET-by-id-response-200, word for word, with the series
    that it shows, over and over when the window is longer; anything else is a bad query. `change` maps
    (metric name, container, side) to a function of one value, `change_at` the end of a window to such
    a map."""

    def __init__(self, store, change=None, change_at=None):
        self.change, self.change_at = change or {}, change_at or {}
        self.replies = {}
        for pair in example("metricSetPairList-GET-by-id-response-200"):
            for side in ("control", "experiment"):
                query = pair["attributes"][side]["query"]
                self.replies.setdefault(query, []).append((pair, side))
        store.answer = self.answer

    def answer(self, path, query):
        if path != "/api/v1/query_range" or query.get("query") not in self.replies:
            return 400, {"Content-Type": "application/json"}, json.dumps({
                "status": "error", "errorType": "bad_data", "error": "invalid parameter \"query\""}).encode()
        start, end, step = (unix_s(query[name]) for name in ("start", "end", "step"))
        changes = self.change_at.get(int(end), self.change)
        result = []
        for pair, side in self.replies[query["query"]]:
            values = pair["values"][side]
            change = changes.get((pair["name"], pair["tags"].get("container"), side), lambda value: value)
            result.append({"metric": pair["tags"], "values": [
                [start + i * step, value if isinstance(value, str) else repr(change(value))]
                for i in range(int((end - start) / step) + 1) for value in [values[i % len(values)]]]})
        return 200, {}, json.dumps(
            {"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def unix_s(text):
    """What Prometheus takes: seconds, or an instant."""
    if text[-1] == "Z":
        return datetime.datetime.fromisoformat(text[:-1] + "+00:00").timestamp()
    return float(text)
