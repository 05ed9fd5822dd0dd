"""Notifications: the real service tells scripted sinks what came of its executions."""
import http.server
import json
import re
import socket
import threading
import time

import pytest
from conftest import canary_request, demo_config, free_port, kayenta_yml, run_cli, wait_until

SECRET = "T0Kcsm7qZx"  # in every sink's URL and header; never in a log or an answer

# Nested, of every type, not in alphabetical order, beyond ASCII and beyond 53 bits.
SITE_LOCAL = {
    "zeta": {"notificationChannels": [{"type": "slack", "on": ["failure"], "destination": "#grün 🐤"}]},
    "alpha": [1, -2.5, None, True, "", {}, [], 9007199254740993],
    "a \"quoted\" \\ key\n": "\u0007</script>",
}


class Sink:
    """Takes POSTs. `answer` is called with how many have come before and gives a status; None drops
    the connection without a word."""

    def __init__(self, answer=lambda n: 204, port=0):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    n = len(outer.requests)
                    outer.requests.append((self.path, dict(self.headers), body, time.monotonic()))
                status = outer.answer(n)
                if status is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()

            do_GET = do_HEAD = do_PUT = lambda self: outer.requests.append((self.path, {}, b"{}", 0))

        self.lock = threading.Lock()
        self.requests = []
        self.answer = answer
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def events(self):
        return [json.loads(body) for _, _, body, _ in self.requests]

    def ids(self):
        return [headers["X-Serinus-Event-Id"] for _, headers, _, _ in self.requests]


@pytest.fixture
def open_sink():
    opened = []

    def open_one(*args, **kwargs):
        opened.append(Sink(*args, **kwargs))
        return opened[-1]

    yield open_one
    for sink in opened:
        sink.close()


def notify(*sinks):
    """The part of the settings: (name, port, dict of further keys) each."""
    return "notify: " + json.dumps([
        {"name": name, "type": "webhook", "url": f"http://127.0.0.1:{port}/hook/{SECRET}?sig={SECRET}",
         "headers": {"X-Api-Key": SECRET}, "timeout": "1s", **more} for name, port, more in sinks]) + "\n"


def settings(prometheus, *sinks, more=""):
    return kayenta_yml({"prometheus": prometheus.url}, more + notify(*sinks))


def assert_settled(sink, n):
    """So many have come, and no more do."""
    wait_until(lambda: len(sink.requests) >= n, f"{n} notifications")
    time.sleep(0.5)
    assert len(sink.requests) == n


def assert_no_secret(service):
    assert SECRET not in service.log_text()


@pytest.mark.smoke
def test_each_end_is_told_once_to_who_wants_to_know(start_serinus, prometheus, open_sink):
    ends, failures, basket = open_sink(), open_sink(), open_sink()
    serinus = start_serinus(settings(
        prometheus, ("ends", ends.port, {}), ("failures", failures.port, {"on": ["fail"]}),
        ("basket", basket.port, {"applications": ["basket"]}),
        more="http: {external_url: 'https://canary.example.com/'}\n"))
    config = serinus.store_config(demo_config(name="golden-signals"))
    request = canary_request("v42")
    request["siteLocal"] = SITE_LOCAL
    good = serinus.start_canary(config, request, application="checkout")
    serinus.wait_for(good)
    wait_until(lambda: ends.requests, "the first notification")
    bad = serinus.start_canary(config, canary_request("v43"), application="checkout")
    serinus.wait_for(bad)
    assert_settled(ends, 2)
    assert_settled(failures, 1)
    assert not basket.requests

    path, headers, _, _ = ends.requests[0]
    assert path == f"/hook/{SECRET}?sig={SECRET}"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("serinus/")
    assert headers["X-Api-Key"] == SECRET
    first, second = ends.events()
    assert headers["X-Serinus-Event-Id"] == first["eventId"] != second["eventId"]
    assert (first["schema"], first["event"], first["outcome"]) == (
        "serinus.event/v1", "execution.finished", "pass")
    execution = first["execution"]
    assert execution["id"] == good
    assert (execution["kind"], execution["application"], execution["status"]) == (
        "canary", "checkout", "succeeded")
    assert (execution["canaryConfigId"], execution["canaryConfigName"]) == (config, "golden-signals")
    assert (execution["verdict"], execution["score"]) == ("pass", 100.0)
    assert execution["thresholds"] == {"pass": 95.0, "marginal": 75.0}
    assert execution["createdTime"] < execution["endedTime"]
    assert first["links"] == {"status": f"https://canary.example.com/canary/{good}"}
    assert json.dumps(first["siteLocal"]) == json.dumps(SITE_LOCAL)  # the order, too

    assert second["outcome"] == "fail" and second["execution"]["id"] == bad
    assert "error_ratio was classified as High" in second["execution"]["reason"]
    assert "siteLocal" not in second
    assert failures.events() == [second]  # one event, one id, whoever is told
    assert_no_secret(serinus)


def test_errors_and_cancels_are_told(start_serinus, scripted_store, open_sink):
    sink = open_sink()
    serinus = start_serinus(kayenta_yml({"prometheus": scripted_store.url}, notify(("all", sink.port, {}))))
    config = demo_config()
    scripted_store.answer = lambda path, query: (400, {}, b'{"status":"error","error":"bad query"}')
    assert serinus.judge(config, canary_request())["status"] == "terminal"
    assert_settled(sink, 1)
    event = sink.events()[0]
    assert (event["outcome"], event["execution"]["status"]) == ("error", "failed")
    assert "bad query" in event["execution"]["error"] or "400" in event["execution"]["error"]
    assert not {"verdict", "score"} & set(event["execution"])

    n_asked = len(scripted_store.requests)
    scripted_store.answer = lambda path, query: time.sleep(5)
    execution = serinus.start_canary(config, canary_request())
    wait_until(lambda: len(scripted_store.requests) > n_asked, "the second one's query")
    assert serinus.put(f"/pipelines/{execution}/cancel", "").status_code == 202
    assert_settled(sink, 2)
    event = sink.events()[1]
    assert (event["outcome"], event["execution"]["status"]) == ("cancelled", "cancelled")
    assert event["execution"]["id"] == execution


def test_an_analysis_is_told_as_a_whole_and_by_interval(start_serinus, prometheus, open_sink):
    ends, intervals = open_sink(), open_sink()
    serinus = start_serinus(settings(prometheus, ("ends", ends.port, {}),
                                     ("intervals", intervals.port, {"on": ["interval"]})))
    scope = {"scopeName": "default", "controlScope": "v41", "controlLocation": "baseline",
             "experimentScope": "v42", "experimentLocation": "canary", "step": 0,
             "startTimeIso": "2026-01-01T01:00:00Z", "endTimeIso": "2026-01-01T02:00:00Z"}
    answer = serinus.post("/standalone_canary_analysis", {
        "canaryConfig": demo_config(),
        "executionRequest": {"scopes": [scope], "thresholds": {"pass": "95", "marginal": "75"},
                             "analysisIntervalMins": 20, "siteLocal": SITE_LOCAL}},
        params={"application": "checkout"})
    analysis = answer.json()["canaryAnalysisExecutionId"]
    assert_settled(intervals, 3)
    assert_settled(ends, 1)
    for event in intervals.events():
        assert (event["event"], event["outcome"]) == ("interval.finished", "pass")
        assert event["execution"]["parentId"] == analysis and event["execution"]["kind"] == "canary"
        assert json.dumps(event["siteLocal"]) == json.dumps(SITE_LOCAL)
    assert [event["execution"]["interval"] for event in intervals.events()] == [1, 2, 3]
    assert len(set(intervals.ids())) == 3
    event = ends.events()[0]
    assert (event["event"], event["outcome"]) == ("execution.finished", "pass")
    assert event["execution"]["id"] == analysis and event["execution"]["kind"] == "analysis"
    assert event["execution"]["thresholds"] == {"pass": 95.0, "marginal": 75.0}
    assert event["execution"]["reason"].endswith("met or exceeded the pass score threshold.")
    assert json.dumps(event["siteLocal"]) == json.dumps(SITE_LOCAL)


def test_slack_gets_blocks(start_serinus, prometheus, open_sink):
    sink = open_sink()
    serinus = start_serinus(settings(prometheus, ("slack", sink.port, {"type": "slack"}),
                                     more="http: {external_url: 'https://canary.example.com'}\n"))
    execution = serinus.start_canary(demo_config(name="<!channel> & co"), canary_request("v43"),
                                     application="checkout")
    assert_settled(sink, 1)
    message = sink.events()[0]
    assert message["text"] == "❌ Fail: checkout (&lt;!channel&gt; &amp; co), score 0, pass 95, marginal 75"
    section, context = message["blocks"]
    assert section["text"]["type"] == "mrkdwn" and "error_ratio" in section["text"]["text"]
    assert context["elements"][0]["text"] == (
        f"canary <https://canary.example.com/canary/{execution}|{execution}>")


def test_it_comes_again_under_the_same_id(start_serinus, prometheus, open_sink):
    """A 500, a dropped connection and one that is too slow, then it is taken."""
    troubles = [lambda: 500, lambda: None, lambda: time.sleep(2) or 200]
    sink = open_sink(lambda n: troubles[n]() if n < len(troubles) else 200)
    other = open_sink()
    serinus = start_serinus(settings(prometheus, ("troubled", sink.port, {}), ("other", other.port, {})))
    serinus.judge(demo_config(), canary_request("v42"))
    wait_until(lambda: other.requests, "the other sink's notification", 2)  # nobody waits for the first one
    assert_settled(sink, 4)
    assert len(set(sink.ids())) == 1
    assert len({body for _, _, body, _ in sink.requests}) == 1
    times = [at for _, _, _, at in sink.requests]
    waits = [after - before for before, after in zip(times, times[1:])]
    assert waits[0] >= 0.9 and waits[1] >= 1.9 and waits[2] >= 3.9
    text = serinus.log_text()
    assert text.count('"event":"notification deferred"') == 3
    assert '"cause":"HTTP status 500"' in text
    counts = re.findall(r'serinus_notifications_total{sink="troubled",outcome="(\w+)"} (\d+)',
                        serinus.get("/metrics").text)
    assert counts == [("delivered", "1"), ("deferred", "3"), ("given_up", "0")]
    assert_no_secret(serinus)


def test_a_sink_that_is_not_there_yet(start_serinus, prometheus, open_sink):
    port = free_port()
    serinus = start_serinus(settings(prometheus, ("late", port, {})))
    serinus.judge(demo_config(), canary_request("v42"))
    wait_until(lambda: "notification deferred" in serinus.log_text(), "the first try")
    sink = open_sink(port=port)
    assert_settled(sink, 1)
    assert_no_secret(serinus)


@pytest.mark.smoke
def test_a_kill_between_the_end_and_the_delivery(start_serinus, prometheus, open_sink):
    sink = open_sink(lambda n: time.sleep(3) or 500 if n == 0 else 200)
    serinus = start_serinus(settings(prometheus, ("ops", sink.port, {"timeout": "10s"})))
    execution = serinus.start_canary(demo_config(), canary_request("v42"))
    wait_until(lambda: sink.requests, "the first try")
    serinus.kill()
    serinus.start()
    assert_settled(sink, 2)
    assert len(set(sink.ids())) == 1
    assert [event["execution"]["id"] for event in sink.events()] == [execution] * 2
    serinus.restart()
    assert_settled(sink, 2)  # once delivered, it is gone


def test_a_sink_that_was_taken_out(start_serinus, prometheus):
    serinus = start_serinus(settings(prometheus, ("gone", free_port(), {})))
    serinus.judge(demo_config(), canary_request("v42"))
    wait_until(lambda: "notification deferred" in serinus.log_text(), "the first try")
    serinus.stop()
    with open(serinus.settings_path, "w", encoding="utf-8") as out:
        out.write(kayenta_yml({"prometheus": prometheus.url}))
    serinus.start()
    wait_until(lambda: "notification given up" in serinus.log_text(), "it to be given up")
    assert "the sink is not in the settings any more" in serinus.log_text()


@pytest.mark.parametrize("sink, message", [
    ({"on": ["fial"]}, 'notify[0].on: "fial" is nothing to be told of; there are pass, marginal, fail'),
    ({"url": f"ftp://hooks.example.com/{SECRET}"}, "notify[0].url: what it holds is not an absolute http://"),
    ({"url": "${file:/nonexistent/url}"}, 'notify[0].url: could not read "/nonexistent/url"'),
    ({"type": "smtp"}, 'notify[0].type: "smtp" is no type of sink; there are webhook and slack'),
    ({"retries": 3}, "notify[0].retries: a sink has no such key; there are name, type, url, on"),
])
def test_wrong_settings_end_the_start(tmp_path, sink, message):
    path = tmp_path / "serinus.yml"
    path.write_text(notify(("ops", 1, sink)))
    ended = run_cli("serve", "--check", "--config", path)
    assert ended.returncode == 78
    assert message in ended.stderr and SECRET not in ended.stderr + ended.stdout
