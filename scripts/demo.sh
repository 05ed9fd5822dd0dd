#!/bin/bash
# A canary analysis from nothing: a real Prometheus filled with three hours of history, Serinus on
# SQLite beside it, one good and one bad release judged through the HTTP API; then two releases that
# Kayenta's rule and RobustRank see differently. It fails when a verdict is not as told.
#   BUILD=build scripts/demo.sh          runs through and ends, leaving nothing behind
#   HOLD=1 scripts/demo.sh               stays up for browsing until Ctrl-C
# Everything lives in one scratch directory and on free loopback ports. Any user may run it.
set -euo pipefail
cd "$(dirname "$0")/.."
serinus=${BUILD:-build}/serinus
python=/usr/bin/python3
scratch=$(mktemp -d "${TMPDIR:-/tmp}/serinus-demo.XXXXXX")
children=()
# The demo talks to loopback only; a proxy that someone set for the outside would be in the way.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY

finish() {
    local code=$?
    trap - EXIT INT TERM
    set +e
    for pid in "${children[@]}"; do kill -TERM "$pid" 2>/dev/null; done
    for pid in "${children[@]}"; do
        # Both stop within a second or two; who does not is not waited for longer than ten.
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    rm -rf "$scratch"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

now_ms() { date +%s%3N; }
say() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }
give_up() {
    echo "demo: $1" >&2
    [ -z "${2:-}" ] || tail -n 20 "$2" >&2
    exit 1
}
free_port() { $python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# Print one member of the JSON on standard input, by path: json canaryExecutionId
json() { $python -c 'import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1:]:
    value = value[name]
print(value)' "$@"; }

started_ms=$(now_ms)
end=$(($(date +%s) / 60 * 60)) # whole minutes: every demo sees the same numbers
start=$((end - 3 * 3600))

say "1. Three hours of history for the clusters production, baseline and canary"
$python scripts/demo_history.py --start "$start" --hours 3 --releases v42,v43 --payments >"$scratch/history.om"
promtool tsdb create-blocks-from openmetrics "$scratch/history.om" "$scratch/prometheus" \
    >"$scratch/promtool.log" 2>&1 || give_up "promtool could not write the history" "$scratch/promtool.log"
echo "   $(grep -vc '^#' "$scratch/history.om") samples"

say "2. Prometheus"
printf 'global: {scrape_interval: 15s}\n' >"$scratch/prometheus.yml"
for attempt in 1 2 3 4 5; do # someone may take the port between our look and its start
    prometheus_url=http://127.0.0.1:$(free_port)
    prometheus --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/prometheus" \
        --storage.tsdb.retention.time=100y --web.listen-address="${prometheus_url#http://}" \
        --log.level=warn >"$scratch/prometheus.log" 2>&1 &
    prometheus_pid=$!
    children+=("$prometheus_pid")
    for _ in $(seq 150); do
        ! curl -fs "$prometheus_url/-/ready" >/dev/null 2>&1 || break 2
        kill -0 "$prometheus_pid" 2>/dev/null || break
        sleep 0.1
    done
    [ "$attempt" -lt 5 ] || give_up "Prometheus does not start" "$scratch/prometheus.log"
done
echo "   $prometheus_url"

say "3. Serinus, with results in SQLite"
cat >"$scratch/kayenta.yml" <<END
kayenta:
  prometheus:
    enabled: true
    accounts:
      - name: prometheus-demo
        endpoint: {baseUrl: "$prometheus_url"}
        supportedTypes: [METRICS_STORE]
END
"$serinus" serve --config "$scratch/kayenta.yml" --listen 127.0.0.1:0 --data-dir "$scratch/data" \
    2>"$scratch/serinus.log" >/dev/null &
serinus_pid=$!
children+=("$serinus_pid")
serinus_port=
for _ in $(seq 100); do
    serinus_port=$(sed -n 's/.*"event":"serving".*"port":\([0-9]*\).*/\1/p' "$scratch/serinus.log")
    [ -z "$serinus_port" ] || break
    kill -0 "$serinus_pid" 2>/dev/null || give_up "Serinus does not start" "$scratch/serinus.log"
    sleep 0.05
done
[ -n "$serinus_port" ] || give_up "Serinus does not say where it serves" "$scratch/serinus.log"
url=http://127.0.0.1:$serinus_port
curl -fsS "$url/readyz" >/dev/null
echo "   $url"

# store_config FILE: its id goes to config_id.
store_config() {
    config_id=$(curl -fsS -H 'Content-Type: application/json' --data-binary "@$1" "$url/canaryConfig" |
        json canaryConfigId)
    echo "   stored the canary config $(json name <"$1") as $config_id"
}
store_config fixtures/demo/canary-config.json
checkout_config_id=$config_id

# run_canary APPLICATION BASELINE VERSION: a canary of one hour against the baseline, followed to its
# end. Its id goes to last_id, its bundle to VERSION.bundle.json.
run_canary() {
    local application=$1 baseline=$2 version=$3
    # From two hours ago to one hour ago, on whole minutes.
    local from to
    from=$(date -u -d "@$(((end / 60 - 120) * 60))" +%Y-%m-%dT%H:%M:%SZ)
    to=$(date -u -d "@$(((end / 60 - 60) * 60))" +%Y-%m-%dT%H:%M:%SZ)
    cat >"$scratch/request.json" <<END
{"scopes": {"default": {
   "controlScope":    {"scope": "$baseline", "location": "baseline", "start": "$from", "end": "$to", "step": 60},
   "experimentScope": {"scope": "$version", "location": "canary", "start": "$from", "end": "$to", "step": 60}}},
 "thresholds": {"pass": 95, "marginal": 75}}
END
    $python scripts/demo_follow.py "$url/canary/$config_id?application=$application" "$scratch/request.json" \
        "$scratch/status.json" || give_up "the canary did not succeed" "$scratch/serinus.log"
    last_id=$(json pipelineId <"$scratch/status.json")
    curl -fsS "$url/api/v1/executions/$last_id/bundle" >"$scratch/$version.bundle.json"
    echo
}

# expect VERDICT VERSION [REPLAY OPTIONS]: print the table of a stored execution; replay judges it
# again on the way, without network.
expect() {
    local verdict=$1 version=$2
    shift 2
    "$serinus" replay --exit-zero "$@" "$scratch/$version.bundle.json" >"$scratch/table"
    tail -n +2 "$scratch/table"
    grep -q "^[^ ]* $verdict " "$scratch/table" || give_up "$version should be a $verdict here"
}

say "4. A good release: v42 against v41"
run_canary checkout v41 v42
good=$last_id
expect PASS v42
say "5. A bad release: v43 against v41"
run_canary checkout v41 v43
bad=$last_id
expect FAIL v43

say "6. A harmless release that Kayenta's rule fails: v8 of payments against v7"
cat <<'END'
   Nothing has changed in v8, but waits swing slowly by themselves: a minute resembles the one
   before, so an hour holds far fewer than sixty independent points. Kayenta's rule takes them
   for independent and fails one harmless release in six of this service, RobustRank one in 200.
END
store_config fixtures/demo/payments.json
run_canary payments v7 v8
echo "   NetflixACAJudge-v1.0, the rule of Kayenta:"
expect FAIL v8
echo "   RobustRank-v1.0 on the same series counts what the minutes are worth:"
expect PASS v8 --judge RobustRank-v1.0

say "7. A small real regression that Kayenta's rule misses: v9 of payments against v7"
cat <<'END'
   Of v7's payments 20 in a million fail, of v9's 30. Kayenta's root finder stops within 0.0001,
   whatever the metric's unit, so it sees no difference between such ratios.
END
run_canary payments v7 v9
echo "   NetflixACAJudge-v1.0, the rule of Kayenta:"
expect PASS v9
echo "   RobustRank-v1.0 on the same series is exact in any unit:"
expect FAIL v9 --judge RobustRank-v1.0

took_ms=$(($(now_ms) - started_ms))
say "Done in $((took_ms / 1000)).$((took_ms % 1000 / 100)) s."
if [ -n "${HOLD:-}" ] && [ "$HOLD" != 0 ]; then
    cat <<END
   good release   $url/canary/$good
   bad release    $url/canary/$bad
   executions     $url/canary/executions?application=checkout
   canary config  $url/canaryConfig/$checkout_config_id
   own metrics    $url/metrics
   Prometheus     $prometheus_url
   Ctrl-C ends it and removes everything.
END
    wait "$serinus_pid"
fi
