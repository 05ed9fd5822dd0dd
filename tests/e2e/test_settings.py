"""Settings as the operator meets them: found, shown, converted, refused; and the service under
them. The files are those of fixtures/settings."""
import glob
import json
import os
import re

import pytest

from conftest import TOP, kayenta_yml, run_cli

FIXTURES = os.path.join(TOP, "fixtures", "settings")
# What the files of fixtures/settings/kayenta want from their environment.
ENVIRONMENT = {"PROMETHEUS_PASSWORD": "hunter-environment", "SERINUS_TEST_URL": "http://from-env:1"}


def shown(*arguments, environment=None, cwd=TOP):
    """What `config show` prints, as a dict, and the words on standard error."""
    done = run_cli("config", "show", *arguments, environment={**ENVIRONMENT, **(environment or {})}, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines()), done.stderr


def files_to_convert():
    files = glob.glob(os.path.join(FIXTURES, "kayenta", "*.yml"))
    files += [os.path.join(FIXTURES, name) for name in ("kayenta.yml", "kayenta-relaxed.yml", "kayenta-stores.yml",
                                                        "native.yml", "override.yml")]
    return sorted(files)


@pytest.mark.parametrize("path", files_to_convert(), ids=os.path.basename)
def test_a_converted_file_loads_to_the_same_settings(path, tmp_path):
    before, _ = shown("-c", path)
    done = run_cli("config", "convert", path)  # without the environment: it is only looked at
    assert done.returncode == 0, done.stderr
    assert "hunter" not in done.stdout + done.stderr
    native = tmp_path / "serinus.yml"
    native.write_text(done.stdout)
    environment = {}
    for key, variable in re.findall(r"([\w.-]+): \"\$\{env:(\w+)\}\"", done.stdout):
        environment[variable] = "hunter"
        if key == "url":  # its host is shown, so it must be the right one
            masked = next(value for name, value in before.items() if name.endswith(".url") and "***" in value)
            environment[variable] = json.loads(masked).replace("***", "user:hunter")
    after, said = shown("-c", native, environment=environment)
    assert after == before
    assert "not known" not in said


def test_what_is_dropped_is_said_with_its_reason():
    done = run_cli("config", "convert", os.path.join(FIXTURES, "kayenta", "all-stores.yml"))
    lines = [line for line in done.stderr.splitlines() if "dropped: " in line]
    for path, reason in (("kayenta.aws.accounts[0].explicitCredentials", "own result store"),
                         ("kayenta.atlas.accounts[0].namespace", "without effect, as in Kayenta"),
                         ("kayenta.influxdb.accounts[0].apiKey", "without effect, as in Kayenta")):
        assert any(path + " (" in line and reason in line and "all-stores.yml:" in line for line in lines), path


def test_show_names_the_origin(tmp_path):
    settings = tmp_path / "kayenta.yml"
    settings.write_text("server.port: 8091\nkayenta: {prometheus: {enabled: true, accounts: [\n"
                        "  {name: p, endpoint: {baseUrl: http://p}, password: hunter}]}}\n")
    lines, _ = shown("--origin", "-c", settings,
                     environment={"KAYENTA_PROMETHEUS_SCOPELABEL": "pod", "SERINUS_LOG_LEVEL": "debug"})
    assert lines["http.listen"] == f"[127.0.0.1:8091]  # {settings}:1 (server.port)"
    assert lines["accounts[0].password"] == \
        f"********  # {settings}:3 (kayenta.prometheus.accounts[0].password)"
    assert lines["accounts[0].scopeLabel"] == \
        "pod  # environment KAYENTA_PROMETHEUS_SCOPELABEL (kayenta.prometheus.scopeLabel)"
    assert lines["log.level"] == "debug  # environment SERINUS_LOG_LEVEL"
    assert lines["accounts[0].readTimeoutMs"] == "60000  # default"


def test_files_are_found_where_kayenta_has_them(tmp_path):
    home = tmp_path / "home" / ".spinnaker"
    (tmp_path / "config").mkdir()
    home.mkdir(parents=True)
    (tmp_path / "config" / "kayenta.yml").write_text(kayenta_yml({"p": "http://in-config"}))
    (home / "kayenta-local.yml").write_text("kayenta.prometheus.scopeLabel: at-home\n")
    environment = {"HOME": str(home.parent)}
    lines, _ = shown(environment=environment, cwd=tmp_path)
    assert (lines["accounts[0].url"], lines["accounts[0].scopeLabel"]) == ("http://in-config", "at-home")
    done = run_cli("serve", "--check", environment=environment, cwd=tmp_path)
    assert done.returncode == 0
    assert f"settings found in config/kayenta.yml, {home}/kayenta-local.yml" in done.stderr
    (tmp_path / "serinus.yml").write_text("accounts: []\n")
    lines, _ = shown(environment=environment, cwd=tmp_path)
    assert lines["accounts[0].name"] == "serinus"


def test_strict_settings(tmp_path):
    slip = tmp_path / "kayenta.yml"
    slip.write_text("kayenta: {promethues: {enabled: true}}\n")
    done = run_cli("serve", "--check", "--config", slip)
    assert done.returncode == 0
    assert '"level":"warn"' in done.stderr and 'did you mean \\"prometheus\\"?' in done.stderr
    for arguments in (("serve", "--check"), ("config", "show")):
        done = run_cli(*arguments, "--strict-config", "--config", slip)
        assert done.returncode == 78 and not done.stdout
        assert f'{slip}:1: the key "kayenta.promethues" is not known; did you mean "prometheus"?' in done.stderr
    done = run_cli("serve", "--check", "--config", slip, environment={"SERINUS_STRICT_CONFIG": "1"})
    assert done.returncode == 78


def test_flags_that_are_settings_outrank_files(tmp_path):
    settings = tmp_path / "serinus.yml"
    settings.write_text("store.url: /nowhere\nhttp.external_url: not a url\n")
    done = run_cli("serve", "--check", "-c", settings, "--store", "sqlite:/srv/canary",
                   "--external-url", "https://canary.example.com")
    assert done.returncode == 0, done.stderr
    done = run_cli("serve", "--check", "-c", settings, "--store", "postgres://db", "--external-url", "https://x")
    assert done.returncode == 78 and "--store: store.url: this version keeps" in done.stderr


@pytest.mark.parametrize("arguments, code, word", [
    (("config",), 64, "say what to do"),
    (("config", "shwo"), 64, "say what to do"),
    (("config", "convert"), 64, "name the file"),
    (("config", "show", "-c", "no/such.yml"), 66, "no/such.yml"),
    (("config", "convert", "no/such.yml"), 66, "no/such.yml"),
    (("config", "show", "-c", os.path.join(FIXTURES, "bad", "port-text.yml")), 78, "8090x"),
    (("config", "show", "-c", os.path.join(FIXTURES, "bad", "two-documents.yml")), 78, "second document"),
])
def test_mistakes_have_their_codes(arguments, code, word):
    done = run_cli(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert word in done.stderr


def test_secrets_leave_the_environment_and_no_trace(start_serinus, scripted_store):
    service = start_serinus(
        kayenta_yml({"p": {"endpoint": {"baseUrl": scripted_store.url}, "username": "u",
                           "password": "${PROM_PASSWORD}", "headers": {"X-Key": "${env:PROM_KEY}"}}}),
        environment={"PROM_PASSWORD": "hunter-password", "PROM_KEY": "hunter-key",
                     "KAYENTA_DATADOG_ACCOUNTS_0_NAME": "dd", "KAYENTA_DATADOG_ACCOUNTS_0_APIKEY": "hunter-api",
                     "PROM_OTHER": "stays"})
    with open(f"/proc/{service.pid}/environ", "rb") as file:
        environment = file.read()
    if b"PROM_OTHER=stays" in environment:  # else a wrapper hides it
        assert b"hunter" not in environment
    answer = service.get("/fetch/prometheus/query", params={})  # a GET is refused, and says so
    assert answer.status_code == 405
    answer = service.post("/fetch/prometheus/query?metricsAccountName=p&metricSetName=m&metricName=m&step=60"
                          "&start=2026-01-01T01:00:00Z&end=2026-01-01T02:00:00Z&scope=s&customFilter=up")
    assert answer.status_code == 200, answer.text
    sent = scripted_store.requests[-1][2]
    assert sent["X-Key"] == "hunter-key" and sent["Authorization"].startswith("Basic ")
    for text in (service.log_text(), answer.text, service.get("/credentials").text, service.get("/metrics").text):
        assert "hunter" not in text


def test_analyses_are_there_unless_switched_off(start_serinus, scripted_store):
    off = start_serinus(kayenta_yml({"p": scripted_store.url}, "kayenta.standaloneCanaryAnalysis.enabled: false\n"))
    answer = off.get("/standalone_canary_analysis/01JD0000000000000000000000")
    assert answer.status_code == 404
    assert "kayenta.standaloneCanaryAnalysis.enabled is false" in answer.json()["message"]
    answer = off.post("/standalone_canary_analysis", {"canaryConfig": {}, "executionRequest": {}})
    assert answer.status_code == 404
