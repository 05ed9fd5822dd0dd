"""/canaryConfig, with Kayenta's texts and statuses. Bodies are Kayenta's own examples, in
fixtures/kayenta-api."""
import re

import pytest
from conftest import Serinus, kayenta_yml
from kayenta_examples import example

UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = Serinus(tmp_path_factory.mktemp("configs"),
                      kayenta_yml({"prometheus-prod": "http://127.0.0.1:1"}))
    yield service
    assert service.stop() == 0


@pytest.fixture
def config():
    return example("canaryConfig-POST-request-prometheus")


def refused(answer, message, status=400):
    assert (answer.status_code, answer.json()["message"]) == (status, message)


@pytest.mark.smoke
def test_create_read_replace_delete(service, config):
    config["name"] = "life-cycle"
    answer = service.post("/canaryConfig", config)
    assert answer.status_code == 200
    config_id = answer.json()["canaryConfigId"]
    assert answer.json() == {"canaryConfigId": config_id} and UUID.match(config_id)

    read = service.get(f"/canaryConfig/{config_id}").json()
    assert read["id"] == config_id
    assert read["createdTimestamp"] == read["updatedTimestamp"]
    assert read["createdTimestampIso"].endswith("Z")
    # Templates come back as they were sent, and queries say which service they are for.
    assert read["metrics"][0]["query"]["customInlineTemplate"] == config["metrics"][0]["query"]["customInlineTemplate"]
    assert read["metrics"][0]["query"]["serviceType"] == "prometheus"
    for name in ("description", "applications", "templates"):
        assert read[name] == config[name]

    read["description"] = "changed"
    answer = service.put(f"/canaryConfig/{config_id}", read)
    assert (answer.status_code, answer.json()) == (200, {"canaryConfigId": config_id})
    again = service.get(f"/canaryConfig/{config_id}").json()
    assert again["description"] == "changed"
    assert again["createdTimestamp"] == read["createdTimestamp"]

    answer = service.delete(f"/canaryConfig/{config_id}")
    assert (answer.status_code, answer.text) == (204, "")
    assert service.get(f"/canaryConfig/{config_id}").status_code == 404


def test_the_list_is_a_summary(service, config):
    config.update(name="listed", applications=["cart", "checkout"])
    config_id = service.store_config(config)
    listed = [c for c in service.get("/canaryConfig").json() if c["id"] == config_id]
    assert len(listed) == 1
    assert set(listed[0]) == {"id", "name", "updatedTimestamp", "updatedTimestampIso", "applications"}
    assert isinstance(listed[0]["updatedTimestamp"], int)
    for query in ("application=cart", "application=nobody,cart", "application=nobody&application=cart"):
        assert config_id in [c["id"] for c in service.get("/canaryConfig?" + query).json()], query
    assert service.get("/canaryConfig?application=nobody").json() == []


def test_what_is_refused(service, config):
    refused(service.post("/canaryConfig", {**config, "name": "checkout golden signals"}),
            example("canaryConfig-POST-response-400-bad-name")["message"])
    refused(service.post("/canaryConfig", {**config, "applications": []}),
            example("canaryConfig-POST-response-400-no-application")["message"])
    refused(service.post("/canaryConfig", {**config, "name": ""}), "Canary config must specify a name.")
    twice = {**config, "metrics": [{**config["metrics"][0], "name": "mem"}] * 2}
    refused(service.post("/canaryConfig", twice),
            example("canaryConfig-POST-response-400-duplicate-metric-name")["message"])
    refused(service.put("/canaryConfig/does-not-exist", config),
            example("canaryConfig-PUT-response-400-missing-config")["message"])
    refused(service.get("/canaryConfig/x?configurationAccountName=unknown-account"),
            example("canaryConfig-GET-by-id-response-400-unknown-account")["message"])


def test_ids_and_names_are_unique(service, config):
    config.update(name="unique", id="b0bd9f29-2ee7-4ae0-9d0a-27e2d13fca9e")
    assert service.store_config(config) == config["id"]
    refused(service.post("/canaryConfig", config), example("canaryConfig-POST-response-400-id-exists")["message"])
    refused(service.post("/canaryConfig", {**config, "id": "another"}),
            "Canary config with name 'unique' already exists in the scope of applications [checkout].")
    other = service.store_config({**config, "id": "", "applications": ["another"]})
    refused(service.put(f"/canaryConfig/{other}", {**config, "id": other}),
            "Canary config with name 'unique' already exists in the scope of applications [checkout].")


def test_unreadable_bodies(service):
    for body in (b"", b"{", b"[]", b'"x"', b"\xff\xfe", b'{"name":NaN}', b"{} {}"):
        answer = service.session.post(service.url + "/canaryConfig", data=body,
                                      headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, body
        assert answer.json()["message"]
    answer = service.session.post(service.url + "/canaryConfig", data=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    answer = service.session.patch(service.url + "/canaryConfig", json={})
    assert answer.status_code == 405


def test_configs_survive_a_restart(service, config):
    config["name"] = "survivor"
    config_id = service.store_config(config)
    before = service.get(f"/canaryConfig/{config_id}").text
    service.restart()
    assert service.get(f"/canaryConfig/{config_id}").text == before
