#!/bin/bash
# Static analysis of the shipped C: banned functions, gcc -fanalyzer, clang-tidy, cppcheck.
#   BUILD=build JOBS=2 scripts/lint.sh 'FLAGS' FILE.c...
# Every finding fails. An exception is a comment with a reason beside the line.
set -euo pipefail
# Warnings are the build's business, here it is what only an analyser sees.
unwarned="$(printf '%s' "$1" | sed -E 's/-W[^ ]*//g') -DLINT"
shift
out=$BUILD/lint
mkdir -p "$out"
failed=()
timed() { # NAME COMMAND...
    local name=$1 started=$SECONDS
    shift
    if "$@" >"$out/$name.log" 2>&1; then
        printf '%-18s clean, %d s\n' "$name" $((SECONDS - started))
    else
        cat "$out/$name.log"
        printf '%-18s FAILED, %d s\n' "$name" $((SECONDS - started))
        failed+=("$name")
    fi
}

banned() {
    # Words that have no safe use here; comments and strings may name them after a letter or quote.
    ! grep -nE '(^|[^a-zA-Z0-9_"./-])(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|system|popen|mktemp|alloca)[ ]*\(' \
        $(find base judge collectors analyzer api -name '*.[ch]')
}

analyzer() {
    # -O1: the analyzer follows fewer inlined copies and takes a fraction of the time.
    # Without shift-count-overflow: gcc 12 takes the width of a vector for the number of its lanes.
    # Without use-of-uninitialized-value: it follows `return err->code` after a failure as a success;
    # -Wmaybe-uninitialized and the sanitizers look for the same.
    printf '%s\n' "$@" | xargs -P "$JOBS" -I FILE sh -c "gcc $unwarned -O1 -U_FORTIFY_SOURCE -fanalyzer \
        -Wno-analyzer-too-complex -Wno-analyzer-shift-count-overflow \
        -Wno-analyzer-use-of-uninitialized-value -Werror -c -o /dev/null FILE"
}

tidy() {
    local clang_flags=${unwarned//-fstack-clash-protection/}
    printf '%s\n' "$@" | xargs -P "$JOBS" -n 1 sh -c 'clang-tidy --quiet --warnings-as-errors="*" "$@" -- '"$clang_flags"' ' tidy
}

check() {
    # It reads no system headers, but has to know the macros of sys/queue.h.
    # Shifting a negative number right is arithmetic in gcc and clang, and judge/order.h relies on it.
    cppcheck --quiet --error-exitcode=1 --std=c11 -j "$JOBS" --inline-suppr --enable=warning,performance,portability \
        --suppress=missingIncludeSystem --suppress=unknownMacro \
        --suppress=shiftTooManyBitsSigned -DLINT -I. \
        --include="$(echo '#include <sys/queue.h>' | gcc -E -M - | tr ' ' '\n' | grep 'sys/queue\.h')" "$@"
}

timed banned banned
timed cppcheck check "$@"
timed gcc-analyzer analyzer "$@"
timed clang-tidy tidy "$@"
[ ${#failed[@]} -eq 0 ] || { echo "lint: ${failed[*]}" >&2; exit 1; }
