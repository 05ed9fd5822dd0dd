#!/bin/bash
# Run every libFuzzer target in $BUILD for so many seconds, from a copy of its corpus.
#   BUILD=build/fuzz scripts/fuzz.sh SECONDS
# A finding is left in $BUILD/findings; shrink it and commit it to tests/fuzz/corpus/<target>/.
set -euo pipefail
seconds=$1
shopt -s nullglob
mkdir -p "$BUILD/findings"
failed=0
for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c)
    name=${target#fuzz_}
    grown=$BUILD/corpus/$name
    mkdir -p "$grown"
    printf '%-24s ' "$target"
    if "$BUILD/tests/fuzz/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -artifact_prefix="$BUILD/findings/$name-" -print_final_stats=1 \
        "$grown" "tests/fuzz/corpus/$name" >"$BUILD/$target.log" 2>&1; then
        awk '/number_of_executed_units/ { print $2 " inputs, nothing found" }' "$BUILD/$target.log"
    else
        failed=$((failed + 1))
        echo "FOUND SOMETHING, see $BUILD/$target.log"
        tail -n 30 "$BUILD/$target.log"
    fi
done
[ "$failed" -eq 0 ]
