#!/bin/bash
# Read every #include and fail on one that the table below does not list. The table is the whole
# truth about who may know whom; a room may always include itself and the C library.
set -euo pipefail
cd "$(dirname "$0")/.."

# room or file | what it may include besides itself and the C library, as prefixes or <headers>
table='
base/json.              | base/ jansson.h yajl/
base                    | base/
judge                   | judge/ base/arena.h base/error.h base/metric_set.h gsl/
collectors              | collectors/ base/ curl/ jansson.h yajl/ openssl/ zlib.h
analyzer/main.c         | any
analyzer/cmd_serve.c    | any
analyzer                | analyzer/ base/ judge/ collectors/ proto/ sqlite3.h yaml.h jansson.h openssl/sha.h
api                     | api/ base/ analyzer/analyzer.h analyzer/events.h analyzer/settings.h analyzer/store.h analyzer/codec/ microhttpd.h jansson.h openssl/sha.h
'
# Headers of the C library, POSIX and Linux. Whatever is not here must be in the table.
libc='arpa/ assert.h ctype.h dirent.h errno.h fcntl.h float.h inttypes.h limits.h locale.h malloc.h math.h
net/ netdb.h netinet/ poll.h pthread.h pwd.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h
stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h sys/ termios.h time.h unistd.h langinfo.h
immintrin.h linux/ search.h semaphore.h protobuf-c/'

awk -v table="$table" -v libc="$libc" '
BEGIN {
    n_rows = split(table, rows, "\n")
    for (i = 1; i <= n_rows; i++) {
        if (split(rows[i], cell, "|") != 2) continue
        gsub(/ /, "", cell[1])
        subject[++n] = cell[1]
        allowed[n] = cell[2]
    }
    n_libc = split(libc, system_header)
}
function may(list, header,    word, count, i) {
    count = split(list, word)
    for (i = 1; i <= count; i++)
        if (word[i] == "any" || index(header, word[i]) == 1) return 1
    return 0
}
/^[ \t]*#[ \t]*include/ {
    header = $0
    sub(/^[^"<]*["<]/, "", header)
    sub(/[">].*$/, "", header)
    for (i = 1; i <= n_libc; i++)
        if (index(header, system_header[i]) == 1) next
    for (i = 1; i <= n; i++)
        if (index(FILENAME, subject[i]) == 1) break
    checked++
    if (i > n || !may(allowed[i], header)) {
        printf "%s:%d: may not include %s\n", FILENAME, FNR, header
        bad++
    }
}
END {
    printf "%d includes checked, %d not allowed\n", checked, bad
    exit bad > 0 || checked == 0
}' $(find base judge collectors analyzer api -name '*.[ch]' | sort)
