"""The rules that kills are judged by (tests/faults/history.py), tried on histories that break them."""
import copy

import pytest
from history import History


def canary_body(execution_id, minute):
    return {"pipelineId": execution_id, "complete": True, "status": "succeeded", "stageStatus": {},
            "canaryExecutionRequest": {"scopes": {"default": {"end": minute}}}}


def whole_history():
    """One analysis of three intervals and one canary, as they should be."""
    history = History()
    history.kills = 9
    children = ["c1", "c2", "c3"]
    stages = [{"type": "runCanary", "name": f"Run Canary #{i + 1}", "executionId": child}
              for i, child in enumerate(children)]
    analysis = {"complete": True, "status": "succeeded", "stageStatus": stages, "canaryAnalysisExecutionResult": {
        "canaryScoreMessage": "fine", "canaryExecutionResults": [
            {"executionId": child, "judgementStartTimeMillis": 0, "judgementEndTimeMillis": i}
            for i, child in enumerate(children)]}}
    history.started = {"a": {"item": "analysis", "application": "app-a", "is_analysis": True, "kills": 0},
                       "c": {"item": "canary", "application": "app-c", "is_analysis": False, "kills": 6}}
    history.final = {"a": analysis, "c": canary_body("c", 9), **{i: canary_body(i, n) for n, i in enumerate(children)}}
    history.outcomes = {"c": ("succeeded", "d"), **{child: ("succeeded", "d-" + child) for child in children}}
    history.listed = {"app-a": children[::-1], "app-c": ["c"]}
    for execution_id in ("c1", "c", "a"):
        history.saw(execution_id, copy.deepcopy(history.final[execution_id]))
    return history


EXPECTED = {"canary": ("succeeded", "d"), "analysis": ("succeeded", "fine", [
    (0, i, "succeeded", f"d-c{i + 1}") for i in range(3)])}


def results_of(history):
    return history.final["a"]["canaryAnalysisExecutionResult"]["canaryExecutionResults"]


def lose_a_start(history):
    history.final["c"] = None


def lose_an_analysis(history):
    history.final["a"] = None


def leave_one_unfinished(history):
    history.final["a"]["complete"] = False


def drop_an_interval(history):
    del results_of(history)[1], history.final["a"]["stageStatus"][1]
    history.listed["app-a"].remove("c2")


def double_an_interval(history):
    history.final["c2x"], history.outcomes["c2x"] = canary_body("c2x", 1), history.outcomes["c2"]
    history.listed["app-a"].append("c2x")


def double_a_start(history):
    history.final["c-again"], history.outcomes["c-again"] = canary_body("c-again", 9), history.outcomes["c"]
    history.listed["app-c"].append("c-again")


def double_an_interval_of_an_unanswered_start(history):
    history.unanswered.add("app-u")
    history.final.update(u1=canary_body("u1", 4), u2=canary_body("u2", 4))
    history.listed["app-u"] = ["u1", "u2"]


def use_one_execution_twice(history):
    results_of(history)[2]["executionId"] = "c2"


def change_a_score(history):
    history.outcomes["c2"] = ("succeeded", "other")


def change_the_score_of_a_canary(history):
    history.outcomes["c"] = ("succeeded", "other")


def shift_a_window(history):
    results_of(history)[0]["judgementEndTimeMillis"] += 1


def swap_two_intervals(history):
    results_of(history)[:2] = results_of(history)[1::-1]


def change_the_message(history):
    history.final["a"]["canaryAnalysisExecutionResult"]["canaryScoreMessage"] = "also fine"


def change_what_was_seen(history):
    history.seen["a"]["status"] = "terminal"


def lose_what_was_seen(history):
    history.seen["z"] = canary_body("z", 1)


def begin_an_interval_anew(history):
    history.begun["a"][2] = "c2-before"


def end_and_change_while_watched(history):
    history.saw("c1", {**history.final["c1"], "status": "running", "complete": False})


def give_up_after_one_kill(history):
    history.final["c"].update(status="terminal", exception={"details": "abandoned_after_crashes"})
    history.outcomes["c"] = ("terminal", "x")


@pytest.mark.parametrize("damage", [
    lose_a_start, lose_an_analysis, leave_one_unfinished, drop_an_interval, double_an_interval, double_a_start,
    double_an_interval_of_an_unanswered_start, use_one_execution_twice, change_a_score,
    change_the_score_of_a_canary, shift_a_window, swap_two_intervals, change_the_message, change_what_was_seen,
    lose_what_was_seen, begin_an_interval_anew, end_and_change_while_watched, give_up_after_one_kill])
def test_a_broken_history_is_found(damage):
    history = whole_history()
    assert history.problems(EXPECTED) == []
    damage(history)
    assert history.problems(EXPECTED)


def test_an_execution_may_be_given_up_after_many_kills():
    history = whole_history()
    history.started["c"]["kills"] = 2
    give_up_after_one_kill(history)
    del history.seen["c"]
    assert history.problems(EXPECTED) == [] and history.given_up() == ["c"]
