"""The stand-alone analyses among Kayenta's documents in fixtures/kayenta-api: two intervals of the
story, whose windows lie in the past so that nothing has to be waited for."""
import pytest
from conftest import ScriptedStore, Serinus, wait_until
from kayenta_examples import (STORY_PARAMETERS, StoryStore, assert_answer, assert_like, example, story_settings,
                              unix_s)

HOT = {("cpu seconds", "app", "experiment"): lambda value: value * 1.29}
BROKEN = {("error rate", None, "experiment"): lambda value: value * 5 + 0.2}
AFTER_ONE_HOUR, AFTER_TWO_HOURS = (int(unix_s(f"2026-08-20T1{hour}:00:00Z")) for hour in (1, 2))
# Kayenta's body has no parameters for these.
PARAMETERS = {name: STORY_PARAMETERS[name] for name in ("application", "metricsAccountName", "storageAccountName")}
PARAMETERS["user"] = "pipeline@example.com"
# Our own: the windows of the experiment. The examples are live ones, which say nothing of begin and end.
OURS = ("experimentStartTimeIso", "experimentStartTimeMillis", "experimentEndTimeIso", "experimentEndTimeMillis",
        "startTimeIso", "endTimeIso")


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    store = ScriptedStore()
    service = Serinus(tmp_path_factory.mktemp("analyses"), story_settings(store.url))
    service.scripted = store
    service.config_id = service.store_config(example("canaryConfig-POST-request-prometheus"))
    yield service
    code = service.stop()
    store.close()
    assert code == 0, service.log_text()[-4000:]


def ad_hoc(**changes):
    """The request of the examples, its windows moved to 10:00 to 12:00."""
    body = example("standalone_canary_analysis-POST-adhoc-request-realtime")
    request = body["executionRequest"]
    request["scopes"][0].update(startTimeIso="2026-08-20T10:00:00Z", endTimeIso="2026-08-20T12:00:00Z")
    request.update(changes)
    return body


def started(story, body, path="/standalone_canary_analysis", **params):
    answer = story.post(path, body, params={**PARAMETERS, **params})
    assert_answer(answer, "standalone_canary_analysis-POST-response-200")
    return answer.json()["canaryAnalysisExecutionId"]


def get(story, analysis):
    answer = story.get(f"/standalone_canary_analysis/{analysis}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(story, analysis):
    return wait_until(lambda: (lambda body: body if body["complete"] else None)(get(story, analysis)), analysis)


@pytest.mark.smoke
@pytest.mark.parametrize("name, changes, message", [
    ("standalone_canary_analysis-GET-response-200-succeeded-passed", {AFTER_ONE_HOUR: HOT},
     "Final canary score 100.0 met or exceeded the pass score threshold."),
    ("standalone_canary_analysis-GET-response-200-succeeded-but-below-pass", {AFTER_TWO_HOURS: HOT},
     "Final canary score 90.0 is below the pass score threshold."),
    ("standalone_canary_analysis-GET-response-200-terminal-fail-fast", {AFTER_ONE_HOUR: BROKEN},
     "Final canary score 0.0 is not above the marginal score threshold."),
])
def test_how_analyses_end(story, name, changes, message):
    StoryStore(story.scripted, change_at=changes)
    body = ended(story, started(story, ad_hoc()))
    wanted = example(name)
    assert_like(body, name, more=OURS)
    got, want = body["canaryAnalysisExecutionResult"], wanted["canaryAnalysisExecutionResult"]
    for member in ("didPassThresholds", "canaryScoreMessage", "canaryScores", "hasWarnings"):
        assert got[member] == want[member], member
    assert got["canaryScoreMessage"] == message
    for one, like in zip(got["canaryExecutionResults"], want["canaryExecutionResults"]):
        assert one["result"]["judgeResult"]["score"] == like["result"]["judgeResult"]["score"]
        assert one["result"]["canaryDuration"] == like["result"]["canaryDuration"]
        assert one["warnings"] == like["warnings"]
    for member in ("application", "user", "executionStatus", "status", "storageAccountName", "metricsAccountName"):
        assert body[member] == wanted[member], member
    shown = [(stage["type"], stage["name"], stage["status"]) for stage in body["stageStatus"]]
    assert shown == [(stage["type"], stage["name"], stage["status"]) for stage in wanted["stageStatus"]
                     if stage["type"] != "wait"]


def test_a_judgement_that_errs(story):
    name = "standalone_canary_analysis-GET-response-200-terminal-judgement-error"
    body = ad_hoc()
    body["canaryConfig"]["metrics"][0]["analysisConfigurations"]["canary"]["critical"] = "perhaps"
    StoryStore(story.scripted)
    shown = ended(story, started(story, body))
    # It errs while judging, so that its pairs are there.
    assert_like(shown, name, more=OURS + ("metricSetPairListId", "critical", "code"),
                without=("stackTrace",))
    assert shown["canaryAnalysisExecutionResult"]["canaryExecutionResults"][0]["exception"] == shown["exception"]
    assert (shown["exception"]["operation"], shown["status"]) == ("canaryJudge", "terminal")
    wanted = example(name)["canaryAnalysisExecutionResult"]
    for member in ("didPassThresholds", "canaryScoreMessage", "canaryScores", "hasWarnings"):
        assert shown["canaryAnalysisExecutionResult"][member] == wanted[member]


def test_a_live_analysis(story):
    analysis = started(story, example("standalone_canary_analysis-POST-adhoc-request-realtime"))
    answer = story.get(f"/standalone_canary_analysis/{analysis}")
    assert_answer(answer, "standalone_canary_analysis-GET-response-200-running")
    wanted = example("standalone_canary_analysis-GET-response-200-running")
    body = answer.json()
    assert body["canaryAnalysisExecutionRequest"] == wanted["canaryAnalysisExecutionRequest"]
    assert [(stage["type"], stage["name"]) for stage in body["stageStatus"]] == [
        (stage["type"], stage["name"]) for stage in wanted["stageStatus"]]
    assert (body["status"], body["executionStatus"], body["complete"]) == ("running", "RUNNING", False)
    assert story.put(f"/pipelines/{analysis}/cancel", "").status_code == 202


def windows(body):
    return [(one["judgementStartTimeIso"][11:16], one["judgementEndTimeIso"][11:16], one["judgementStartTimeIso"][:10])
            for one in body["canaryAnalysisExecutionResult"]["canaryExecutionResults"]]


def test_against_the_day_before(story):
    StoryStore(story.scripted)
    request = example("standalone_canary_analysis-POST-by-config-id-request-retrospective")
    body = ended(story, started(story, request, f"/standalone_canary_analysis/{story.config_id}"))
    assert body["canaryConfigId"] == story.config_id and body["status"] == "succeeded"
    # The control's windows.
    assert windows(body) == [("10:00", "11:00", "2026-08-19"), ("10:00", "12:00", "2026-08-19")]
    child = story.get("/canary/" + body["canaryAnalysisExecutionResult"]["canaryExecutionResults"][0]["executionId"])
    sides = child.json()["canaryExecutionRequest"]["scopes"]["default"]
    assert sides["controlScope"]["start"] == "2026-08-19T10:00:00Z"
    assert sides["experimentScope"]["start"] == "2026-08-20T10:00:00Z"


def test_a_sliding_window(story):
    StoryStore(story.scripted)
    request = example("standalone_canary_analysis-POST-by-config-id-request-sliding-window")
    live = get(story, started(story, request, f"/standalone_canary_analysis/{story.config_id}"))
    assert sum(stage["type"] == "runCanary" for stage in live["stageStatus"]) == 6
    assert story.put(f"/pipelines/{live['pipelineId']}/cancel", "").status_code == 202
    request["scopes"][0].update(startTimeIso="2026-08-20T10:00:00Z", endTimeIso="2026-08-20T13:00:00Z")
    body = ended(story, started(story, request, f"/standalone_canary_analysis/{story.config_id}"))
    assert [window[:2] for window in windows(body)] == [
        ("09:30", "10:30"), ("10:00", "11:00"), ("10:30", "11:30"), ("11:00", "12:00"), ("11:30", "12:30"),
        ("12:00", "13:00")]


def test_without_a_lifetime_nothing_starts(story):
    """Kayenta starts such an analysis and lets it end as terminal."""
    wanted = example("standalone_canary_analysis-GET-response-200-terminal-no-lifetime")
    body = ad_hoc(lifetimeDurationMins=None)
    del body["executionRequest"]["scopes"][0]["endTimeIso"]
    answer = story.post("/standalone_canary_analysis", body, params=PARAMETERS)
    assert answer.status_code == 400
    assert answer.json()["message"] == wanted["exception"]["details"]["errors"][0]


def test_an_unknown_id(story):
    wanted = example("standalone_canary_analysis-GET-response-404")["message"]
    answer = story.get("/standalone_canary_analysis/" + wanted.rsplit(" ", 1)[1])
    assert (answer.status_code, answer.json()["message"]) == (404, wanted)
