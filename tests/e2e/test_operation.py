"""What an operator sees: accounts, logs, metrics, secrets that stay inside."""
import json
import subprocess

import pytest
from conftest import canary_request, demo_config, kayenta_yml, one_metric_config

SECRETS = {"username": "canary", "password": "planted-password-71c4", }
TOKEN = "planted-token-b8e2"


@pytest.mark.smoke
def test_credentials_without_secrets(start_serinus, scripted_store, tmp_path):
    secret_file = tmp_path / "user-password"
    secret_file.write_text("filed:planted-file-5d0a\n")
    secret_file.chmod(0o600)
    service = start_serinus(kayenta_yml({
        "basic": {"endpoint": {"baseUrl": scripted_store.url}, **SECRETS},
        "bearer": {"endpoint": {"baseUrl": scripted_store.url}, "bearerToken": TOKEN},
        "file": {"endpoint": {"baseUrl": scripted_store.url}, "usernamePasswordFile": str(secret_file)},
    }, "  metrics: {retry: {attempts: 1}}\n"))
    credentials = {account["name"]: account for account in service.get("/credentials").json()}
    assert credentials["basic"] == {
        "name": "basic", "type": "prometheus", "supportedTypes": ["METRICS_STORE"], "locations": [],
        "recommendedLocations": [], "endpoint": {"baseUrl": scripted_store.url}, "username": "canary"}
    assert set(credentials["serinus"]["supportedTypes"]) == {"OBJECT_STORE", "CONFIGURATION_STORE"}

    # Use each account, also with a store that throws the credential back at us.
    seen = service.get("/credentials").text
    planted = {"basic": SECRETS["password"], "bearer": TOKEN, "file": "planted-file-5d0a"}
    config = one_metric_config({"metricName": "cpu", "customInlineTemplate": 'version="${scope}"'})
    for account, secret in planted.items():
        scripted_store.answer = lambda path, query, secret=secret: (401, {}, b"bad credential " + secret.encode())
        body = service.judge(config, canary_request(), metricsAccountName=account)
        assert body["status"] == "terminal"
        assert "bad credential" in str(body["exception"])
        seen += json.dumps(body)
        seen += service.get(f"/api/v1/executions/{body['pipelineId']}/bundle").text
    seen += service.get("/metrics").text + service.get("/health").text + service.log_text()
    for secret in planted.values():
        assert secret not in seen
    sent = [headers.get("Authorization", "") for _, _, headers in scripted_store.requests]
    assert f"Bearer {TOKEN}" in sent
    assert any(value.startswith("Basic ") for value in sent)


def test_metrics_are_what_prometheus_reads(serinus):
    serinus.judge(demo_config(), canary_request("v43"))
    answer = serinus.get("/metrics")
    assert answer.status_code == 200
    checked = subprocess.run(["promtool", "check", "metrics"], input=answer.text, text=True, capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "serinus_build_info" in answer.text
    assert "process_resident_memory_bytes" in answer.text


def test_each_log_line_is_one_json_object(serinus):
    serinus.judge(demo_config(), canary_request("v43"))
    lines = serinus.log_text().splitlines()
    assert lines
    for line in lines:
        event = json.loads(line)
        assert {"time", "level", "event"} <= set(event)
    finished = [json.loads(line) for line in lines if '"execution finished"' in line]
    assert finished and "execution" in finished[-1]


def test_control_characters_in_names_stay_out_of_the_log(serinus):
    serinus.judge(demo_config(), canary_request("v42"), application="a\nb\x1b[31m")
    assert "\x1b" not in serinus.log_text()
    for line in serinus.log_text().splitlines():
        json.loads(line)


def test_an_answer_names_its_request(serinus):
    assert serinus.get("/health", headers={"X-Request-Id": "abc-123"}).headers["X-Request-Id"] == "abc-123"
    assert serinus.get("/health").headers["X-Request-Id"]


def test_security_headers(serinus):
    headers = serinus.get("/judges").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "no-store" in headers["Cache-Control"]


def test_accounts_are_separate(start_serinus):
    service = start_serinus(kayenta_yml({"p": "http://127.0.0.1:1"}, """\
  memory:
    enabled: true
    accounts:
      - {name: one, supportedTypes: [OBJECT_STORE, CONFIGURATION_STORE]}
      - {name: two, supportedTypes: [OBJECT_STORE, CONFIGURATION_STORE]}
"""))
    config = demo_config()
    answer = service.post("/canaryConfig?configurationAccountName=two", config)
    assert answer.status_code == 200
    config_id = answer.json()["canaryConfigId"]
    assert service.get(f"/canaryConfig/{config_id}?configurationAccountName=two").status_code == 200
    assert service.get(f"/canaryConfig/{config_id}?configurationAccountName=one").status_code == 404
    assert service.get("/canaryConfig").json() == []  # the first account is the default
