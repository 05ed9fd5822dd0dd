"""Strict stand-ins of the pipelines that talk to Kayenta: they read answers the way Spinnaker's
Orca and the Kayenta provider of Argo Rollouts do, and stop at whatever those would stop at."""
import re
import time

import pytest
from conftest import WINDOW, canary_request, demo_config

STATUSES = {"NOT_STARTED", "RUNNING", "PAUSED", "SUSPENDED", "SUCCEEDED", "FAILED_CONTINUE", "TERMINAL",
            "CANCELED", "REDIRECT", "STOPPED", "SKIPPED", "BUFFERED"}
INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z$")
DURATION = re.compile(r"^PT(\d+H)?(\d+M)?(\d+(\.\d+)?S)?$")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def no_nulls(value, path=""):
    assert value is not None, path
    if isinstance(value, dict):
        for key, inner in value.items():
            no_nulls(inner, f"{path}/{key}")
    if isinstance(value, list):
        for i, inner in enumerate(value):
            no_nulls(inner, f"{path}/{i}")


class Orca:
    """Spinnaker's canary stage: resolve the name, start, poll every second, decide."""

    def __init__(self, service):
        self.service = service

    def config_id(self, name, application):
        answer = self.service.get("/canaryConfig")
        assert answer.status_code == 200
        found = []
        for config in answer.json():  # one bad element breaks the whole list
            assert isinstance(config["id"], str) and isinstance(config["name"], str)
            assert isinstance(config["applications"], list)
            assert isinstance(config.get("updatedTimestamp", 0), int)
            if config["name"] == name and application in config["applications"]:
                found.append(config["id"])
        assert len(found) == 1
        return found[0]

    def run(self, config_id, canary):
        request = canary_request(canary)
        for side in request["scopes"]["default"].values():
            side["extendedScopeParams"] = {"type": "asg", "dataset": "regional", "accountId": None}
            side["start"] = side["start"].replace("Z", ".000Z")
        request["siteLocal"] = {}
        answer = self.service.post(f"/canary/{config_id}", request, params={
            "application": "checkout", "parentPipelineExecutionId": "01ORCA", "metricsAccountName": "prometheus-prod"})
        assert answer.status_code == 200
        body = answer.json()
        assert all(isinstance(value, str) for value in body.values())
        while True:
            status = self.decode(self.service.get(f"/canary/{body['canaryExecutionId']}"))
            if status["complete"]:
                return status
            time.sleep(0.05)

    @staticmethod
    def decode(answer):
        assert answer.status_code == 200
        body = answer.json()
        no_nulls({key: value for key, value in body.items() if key not in ("config", "canaryExecutionRequest")})
        assert isinstance(body["complete"], bool) and isinstance(body["application"], str)
        assert body["status"] == body["status"].lower() and body["status"].upper() in STATUSES
        assert isinstance(body["config"], dict)
        for name in ("buildTimeIso", "startTimeIso", "endTimeIso"):
            assert name not in body or INSTANT.match(body[name])
        request = body["canaryExecutionRequest"]
        for pair in request["scopes"].values():
            for side in pair.values():
                assert INSTANT.match(side["start"]) and INSTANT.match(side["end"])
        assert is_number(request["thresholds"]["pass"]) and is_number(request["thresholds"]["marginal"])
        assert isinstance(body.get("exception", {}), dict)
        if "result" in body:
            assert DURATION.match(body["result"]["canaryDuration"])
            judged = body["result"]["judgeResult"]
            score = judged["score"]
            assert is_number(score["score"])
            assert isinstance(score["classification"], str) and isinstance(score["classificationReason"], str)
            for result in judged["results"]:
                assert isinstance(result["name"], str)
                assert isinstance(result["controlMetadata"]["stats"]["count"], int)
        return body


@pytest.fixture(scope="module")
def config_id(serinus):
    return serinus.store_config(demo_config(name="clients", applications=["checkout"]))


@pytest.mark.smoke
def test_orca(serinus, config_id):
    orca = Orca(serinus)
    assert orca.config_id("clients", "checkout") == config_id
    assert orca.run(config_id, "v42")["result"]["judgeResult"]["score"]["score"] > 75
    bad = orca.run(config_id, "v43")
    assert bad["status"] == "succeeded" and bad["result"]["judgeResult"]["score"]["score"] <= 75


def argo(service, storage_account=""):
    """Argo Rollouts always sends all account parameters, empty when unset, and puts the storage
    account's name where the configuration account's belongs. Anything but 200 is an error."""
    answer = service.get(f"/canaryConfig?application=checkout&configurationAccountName={storage_account}")
    assert answer.status_code == 200
    found = [c for c in answer.json() if c["name"] == "clients"][0]
    assert isinstance(found["updatedTimestamp"], int)
    body = {"scopes": {"default": {
        "controlScope": {"scope": "v41", "location": "baseline", "step": 60, "start": WINDOW[0], "end": WINDOW[1]},
        "experimentScope": {"scope": "v43", "location": "canary", "step": 60, "start": WINDOW[0], "end": WINDOW[1]}}},
        "thresholds": {"pass": 90, "marginal": 75}}
    answer = service.post(f"/canary/{found['id']}?application=checkout&metricsAccountName="
                          f"&configurationAccountName={storage_account}&storageAccountName={storage_account}", body)
    assert answer.status_code == 200
    execution = answer.json()["canaryExecutionId"]
    assert re.match(r"^\w+$", execution)
    while True:
        answer = service.get(f"/canary/{execution}")
        assert answer.status_code == 200
        if answer.json()["complete"] is True:
            score = answer.json()["result"]["judgeResult"]["score"]["score"]
            assert is_number(score)
            return int(score)
        time.sleep(0.05)


@pytest.mark.smoke
def test_argo_rollouts(serinus, config_id):
    assert argo(serinus) < 75
    assert argo(serinus, "serinus") < 75


def test_numbers_as_text_and_unknown_fields(serinus, config_id):
    request = canary_request("v42")
    request["thresholds"] = {"pass": "95", "marginal": "75", "unknown": {"a": [1]}}
    for side in request["scopes"]["default"].values():
        side.update(step="60", extendedScopeParams=None, region="x", type="y")
    body = serinus.judge(config_id, request)
    assert body["canaryExecutionRequest"]["thresholds"] == {"pass": 95.0, "marginal": 75.0}
    assert body["result"]["judgeResult"]["score"]["classification"] == "Pass"


def test_every_error_body_has_a_message(serinus):
    answers = [serinus.get("/nowhere"), serinus.get("/canary/01M0ZZZZZZZZZZZZZZZZZZZZZZ"),
               serinus.put("/metricSetPairList", []), serinus.post("/canary", {}), serinus.post("/canaryConfig", {}),
               serinus.get("/canaryConfig/"), serinus.post("/fetch/prometheus/query")]
    for answer in answers:
        assert answer.status_code >= 400
        assert isinstance(answer.json()["message"], str), answer.text


def test_a_status_read_is_cheap(serinus, config_id):
    execution = serinus.judge(config_id, canary_request("v42"))["pipelineId"]
    started = time.monotonic()
    for _ in range(100):
        assert serinus.get(f"/canary/{execution}").status_code == 200
    # Once a second per running canary must be nothing: far below the 10 s that Referee waits.
    assert time.monotonic() - started < 10
