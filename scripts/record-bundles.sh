#!/bin/bash
# Record fixtures/bundles/ from a real Prometheus: the made-up service of demo_history.py, one hour
# of each release against its baseline, through `serinus run --save-bundle`. The start is fixed, so
# the series come out the same every time; ids and times of recording do not.
set -euo pipefail
cd "$(dirname "$0")/.."
serinus=${SERINUS:-build/serinus}
scratch=$(mktemp -d)
prometheus_pid=
finish() {
    [ -z "$prometheus_pid" ] || { kill "$prometheus_pid"; wait "$prometheus_pid" || true; }
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

scripts/demo_history.py --start 1767225600 --hours 3 >"$scratch/history.om"
promtool tsdb create-blocks-from openmetrics "$scratch/history.om" "$scratch/data" >/dev/null
printf 'global: {scrape_interval: 15s}\n' >"$scratch/prometheus.yml"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
prometheus --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/data" \
    --storage.tsdb.retention.time=100y --web.listen-address="127.0.0.1:$port" --log.level=warn \
    2>"$scratch/prometheus.log" &
prometheus_pid=$!
for _ in $(seq 150); do
    ! curl -fs "http://127.0.0.1:$port/-/ready" >/dev/null || break
    sleep 0.1
done

mkdir -p fixtures/bundles
while read -r version name; do
    code=0
    "$serinus" run -f fixtures/demo/canary-config.json --prometheus "http://127.0.0.1:$port" \
        --baseline v41 --baseline-location baseline --canary "$version" --canary-location canary \
        --start 2026-01-01T01:00:00Z --end 2026-01-01T02:00:00Z -o table \
        --save-bundle "fixtures/bundles/$name.json" || code=$?
    echo "$name: exit $code, $(stat -c %s "fixtures/bundles/$name.json") bytes"
done <<END
v42 good-release
v44 latency-regression
v45 error-rate-regression
v46 saturation-creep
v47 missing-canary-data
v48 noisy-but-harmless
END
