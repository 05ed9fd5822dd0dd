/* Stored series: whatever the bytes, an error or lists that encode again to something that decodes
 * to the same number of entries. */
#include "analyzer/codec/metric_set_pb.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct str text = {(const char *)bytes, n_bytes};
    struct arena *arena = arena_create();
    struct error err = {0}, pair_err = {0}, again_err = {0};
    struct strbuf again = {0};
    struct stored_set *sets;
    struct metric_pair *pairs;
    size_t n = 0, n_again = 0;

    if (metric_sets_decode(text, arena, &sets, &n, &err) == ERR_OK) {
        metric_sets_encode(sets, n, &again);
        if (metric_sets_decode(strbuf_view(&again), arena, &sets, &n_again, &again_err) ||
            n != n_again)
            abort();
    }
    strbuf_clear(&again);
    if (metric_pairs_decode(text, arena, &pairs, &n, &pair_err) == ERR_OK) {
        metric_pairs_encode(pairs, n, &again);
        if (metric_pairs_decode(strbuf_view(&again), arena, &pairs, &n_again, &again_err) ||
            n != n_again)
            abort();
    }
    strbuf_clear(&again);
    arena_free(arena);
    return 0;
}
