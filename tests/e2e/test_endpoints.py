"""The rest of Kayenta's operations: what is stored by hand, the archive, pipelines, accounts' names,
judges. Expected shapes are those of fixtures/examples/."""
import json
import os
import threading
import time

import pytest
from conftest import (TOP, canary_request, demo_config, kayenta_yml, matrix, one_metric_config,
                      wait_until)

CPU = {"metricName": "cpu", "customInlineTemplate": 'version="${scope}"'}


def example(name):
    with open(os.path.join(TOP, "fixtures/examples", name + ".json"), encoding="utf-8") as source:
        return json.load(source)


def shape(value):
    """The types of a document; a list is as its first element, a map with free keys is not looked into."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def assert_answer(answer, name):
    assert answer.status_code == 200, answer.text
    assert shape(answer.json()) == shape(example(name))


# --- metric set lists and pair lists ---

def test_metric_set_lists(serinus):
    for name in ("metricSetList-GET-by-id-response-200", "metricSetList-GET-by-id-response-200-no-data-placeholder"):
        answer = serinus.post("/metricSetList", example(name))
        assert_answer(answer, "metricSetList-POST-response-200")
        path = "/metricSetList/" + answer.json()["metricSetListId"]
        assert serinus.get(path).json() == example(name)
        assert answer.json()["metricSetListId"] in {e["id"] for e in serinus.get("/metricSetList").json()}
        assert serinus.put(path, []).status_code == 405
        assert serinus.delete(path).status_code == 204
        assert serinus.get(path).status_code == 404 and serinus.get(path).json()["message"]
        assert serinus.delete(path).status_code == 400


def test_metric_set_pair_lists(serinus):
    assert_answer(serinus.post("/metricSetPairList", example("metricSetPairList-POST-request")),
                  "metricSetPairList-POST-response-200")
    pairs = example("metricSetPairList-GET-by-id-response-200")
    list_id = serinus.post("/metricSetPairList", pairs).json()["metricSetPairListId"]
    assert serinus.get(f"/metricSetPairList/{list_id}").json() == pairs
    one = serinus.get(f"/metricSetPairList/{list_id}/{pairs[0]['id']}")
    assert one.json() == example("metricSetPairList-GET-single-pair-response-200")
    for missing in (f"{list_id}/no-such-pair", f"no-such-list/{pairs[0]['id']}", "no-such-list"):
        answer = serinus.get(f"/metricSetPairList/{missing}")
        assert answer.status_code == 404 and answer.json()["message"]
    listed = serinus.get("/metricSetPairList")
    assert_answer(listed, "metricSetPairList-GET-list-response-200")
    assert listed.json()[0]["id"] == list_id, "latest first"
    assert serinus.get("/metricSetPairList?limit=1&page=2").json() == listed.json()[1:2]
    assert serinus.delete(f"/metricSetPairList/{list_id}").status_code == 204


def test_a_pair_without_an_id_is_given_one(serinus):
    pairs = example("metricSetPairList-POST-request")
    del pairs[0]["id"]
    list_id = serinus.post("/metricSetPairList", pairs).json()["metricSetPairListId"]
    pair = serinus.get(f"/metricSetPairList/{list_id}").json()[0]
    assert serinus.get(f"/metricSetPairList/{list_id}/{pair['id']}").json() == pair


def test_series_that_cannot_be_judged_are_refused(serinus):
    pairs = example("metricSetPairList-POST-request")
    pairs[0]["values"]["experiment"][3] = None
    answer = serinus.post("/metricSetPairList", pairs)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["pointer"] == "/0/values/experiment/3"
    sets = example("metricSetList-GET-by-id-response-200")
    sets[1]["values"][7] = None
    answer = serinus.post("/metricSetList", sets)
    assert answer.json()["details"][0]["pointer"] == "/1/values/7"
    for start in (-9223372036854775808, 9223372036854775807):
        sets = [{"name": "m", "values": [], "startTimeMillis": start}]
        assert serinus.post("/metricSetList", sets).status_code == 400
    assert serinus.post("/metricSetList", {}).status_code == 400
    assert serinus.post("/metricSetList?accountName=nobody", []).json()["message"] == "Unable to resolve account nobody."


# --- the archive ---

def test_archive_by_hand(serinus):
    entry = example("canary-GET-response-200-succeeded-pass")
    answer = serinus.post(f"/canaryResultArchive?pipelineId={entry['pipelineId']}", entry)
    assert answer.status_code == 200
    assert answer.json() == example("canaryResultArchive-POST-response-200")
    path = "/canaryResultArchive/" + entry["pipelineId"]
    assert serinus.get(path).json() == entry
    assert serinus.get("/canary/" + entry["pipelineId"]).json() == entry, "no execution: the archive answers"
    again = serinus.post(f"/canaryResultArchive?pipelineId={entry['pipelineId']}", entry)
    assert again.status_code == 400
    assert again.json()["message"] == example("canaryResultArchive-POST-response-400-exists")["message"]
    assert serinus.put(path, {"changed": 1}).json() == {"pipelineId": entry["pipelineId"]}
    assert serinus.get(path).json() == {"changed": 1}
    assert_answer(serinus.get("/canaryResultArchive"), "canaryResultArchive-GET-list-response-200")
    assert serinus.delete(path).status_code == 204
    assert serinus.get(path).status_code == 404
    gone = serinus.put(path, entry)
    assert gone.status_code == 400
    assert gone.json()["message"] == f"Archived canary result '{entry['pipelineId']}' does not exist."
    made_up = serinus.post("/canaryResultArchive", entry).json()["pipelineId"]
    assert serinus.get(f"/canaryResultArchive/{made_up}").json() == entry


def test_every_ended_execution_is_archived(serinus):
    body = serinus.judge(demo_config(), canary_request("v43"), application="archived")
    path = "/canaryResultArchive/" + body["pipelineId"]
    assert serinus.get(path).json() == body
    assert serinus.get("/canaryResultArchive").json()[0]["id"] == body["pipelineId"]
    assert serinus.post(f"/canaryResultArchive?pipelineId={body['pipelineId']}", {}).status_code == 400
    assert serinus.delete(path).status_code == 204
    assert serinus.get(path).status_code == 404
    assert serinus.get("/canary/" + body["pipelineId"]).json() == body
    missing = serinus.get("/canary/" + "01M0ZZZZZZZZZZZZZZZZZZZZZZ")
    assert missing.status_code == 404
    assert missing.json()["message"] == example("canary-GET-response-404-memory-store")["message"]
