"""What must hold of a service that was killed again and again: a history of what clients were told,
and the rules it is checked by. Pure, so that the rules can be tried on histories that break them.

An execution's outcome is what clients read of it, without ids and times of day:

    canary    (status, digest)
    analysis  (status, message, [(window start, window end, status, digest) of each judgement])

where the digest covers the judge's result and the stored series it was made from.
"""
import hashlib
import json

# Members that differ between two runs of the same thing.
PASSING = {"id", "pipelineId", "executionId", "metricSetListId", "metricSetPairListId"} | {
    f"{moment}Time{unit}" for moment in ("build", "start", "end") for unit in ("Millis", "Iso")}
MAX_CRASHES = 7  # an execution killed this often without progress is given up, and says so
GIVEN_UP = "abandoned_after_crashes"


def without_passing(value):
    if isinstance(value, dict):
        return {key: without_passing(member) for key, member in value.items() if key not in PASSING}
    if isinstance(value, list):
        return [without_passing(element) for element in value]
    return value


def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def canary_outcome(body, pairs):
    """`pairs`: the answer of /metricSetPairList/{its id}; its windows are part of the digest."""
    series = [{key: value for key, value in pair.items() if key != "id"} for pair in pairs or []]
    return (body["status"], digest([without_passing(body.get("result")), body["stageStatus"], series]))


def judgements(body):
    return body.get("canaryAnalysisExecutionResult", {}).get("canaryExecutionResults", [])


def analysis_outcome(body, children):
    """`children`: id -> outcome of the canary."""
    result = body.get("canaryAnalysisExecutionResult", {})
    return (body["status"], result.get("canaryScoreMessage"),
            [(j["judgementStartTimeMillis"], j["judgementEndTimeMillis"], *children.get(j["executionId"], ("lost",)))
             for j in judgements(body)])


def stage_ids(body):
    """Interval number -> execution id, of those that have begun."""
    return {int(stage["name"].rsplit("#", 1)[1]): stage["executionId"]
            for stage in body["stageStatus"] if stage["type"] == "runCanary" and "executionId" in stage}


class History:
    """What happened to one service with one data folder.

    started   id -> {"item", "application", "is_analysis", "kills": kills before its start was answered}
    unanswered  applications whose start got no answer, however often it was sent
    seen      id -> the complete body that a client saw first
    latest    id -> the stages that a client saw last
    begun     analysis id -> {interval number: execution id} as clients saw it
    broken    rules broken while it happened
    kills     so far
    final     id -> body, after the last kill, of all that was started and of their judgements
    outcomes  id of a canary -> outcome, likewise
    listed    application -> ids of canaries
    """

    def __init__(self, started=()):
        self.started, self.unanswered = dict(started), set()
        self.seen, self.latest, self.begun, self.broken = {}, {}, {}, []
        self.kills = 0
        self.final, self.outcomes, self.listed = {}, {}, {}

    def saw(self, execution_id, body):
        """A client read this."""
        before = self.seen.get(execution_id)
        self.latest[execution_id] = body["stageStatus"]
        if before is not None:
            if body != before:
                self.broken.append(f"{execution_id} had ended, and changed after that")
        elif body["complete"]:
            self.seen[execution_id] = body
        if isinstance(body["stageStatus"], list):
            begun = self.begun.setdefault(execution_id, {})
            for i, child in stage_ids(body).items():
                if begun.setdefault(i, child) != child:
                    self.broken.append(f"{execution_id}: interval {i} was {begun[i]}, then {child}")

    def was_given_up(self, execution_id, body):
        start = self.started[execution_id]
        return self.kills - start["kills"] >= MAX_CRASHES and GIVEN_UP in json.dumps(body.get("exception"))

    def given_up(self):
        return [i for i in self.started if self.final.get(i) and self.was_given_up(i, self.final[i])]

    def problems(self, expected):
        """Every broken rule, as text. expected: item, or id -> outcome of an undisturbed run."""
        found = list(self.broken)
        for execution_id, start in self.started.items():
            body = self.final.get(execution_id)
            if body is None:
                found.append(f"{execution_id} ({start['item']}) was answered and is lost")
            elif not body["complete"]:
                found.append(f"{execution_id} ({start['item']}) does not end")
            elif not self.was_given_up(execution_id, body):
                found += self.check_end(execution_id, start, body,
                                        expected.get(execution_id) or expected[start["item"]])
        for execution_id, body in self.seen.items():
            if self.final.get(execution_id) != body:
                found.append(f"{execution_id} was seen as ended, and is different now")
        for application in self.unanswered:
            found += self.check_listed(application, None)
        return found

    def check_end(self, execution_id, start, body, expected):
        if not start["is_analysis"]:
            return (differences(execution_id, self.outcomes[execution_id], expected) +
                    self.check_listed(start["application"], [execution_id]))
        children = [j["executionId"] for j in judgements(body)]
        found = differences(execution_id, analysis_outcome(body, self.outcomes), expected)
        if len(set(children)) != len(children):
            found.append(f"{execution_id}: one execution for two intervals")
        for i, child in self.begun.get(execution_id, {}).items():
            if children[i - 1:i] != [child]:
                found.append(f"{execution_id}: interval {i} was {child}, now {children[i - 1:i]}")
        return found + self.check_listed(start["application"], children)

    def check_listed(self, application, children):
        """The list must show each canary once and no more; children None: whatever there is."""
        listed = self.listed[application]
        if len(set(listed)) != len(listed):
            return [f"{application}: listed twice: {sorted(listed)}"]
        if children is not None and set(listed) != set(children):
            return [f"{application}: canaries {sorted(children)}, but listed are {sorted(listed)}"]
        windows = [json.dumps(self.final[i].get("canaryExecutionRequest", {}).get("scopes"), sort_keys=True)
                   for i in listed]
        if len(set(windows)) != len(windows):
            return [f"{application}: one window was judged twice"]
        return []


def differences(execution_id, outcome, expected):
    if outcome == expected:
        return []
    if len(outcome) == 2 or outcome[:2] != expected[:2]:
        return [f"{execution_id}: {outcome[:2]} instead of {expected[:2]}"]
    return [f"{execution_id}: interval {i + 1} of {len(expected[2])} is {outcome[2][i:i + 1]},"
            f" expected {expected[2][i:i + 1]}"
            for i in range(max(len(outcome[2]), len(expected[2])))
            if outcome[2][i:i + 1] != expected[2][i:i + 1]]
