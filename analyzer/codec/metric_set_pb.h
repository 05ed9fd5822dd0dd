/* analyzer/codec/metric_set_pb.h -- metric sets and pairs <-> protobuf, the form they are stored in
 * (proto/canary/v1/metric_set.proto). Doubles come back bit for bit; a NaN comes back as a NaN. */
#ifndef ANALYZER_CODEC_METRIC_SET_PB_H
#define ANALYZER_CODEC_METRIC_SET_PB_H

#include "base/arena.h"
#include "base/metric_set.h"
#include "base/str.h"

/* A metric set, and whose it is: an execution keeps the sets of both sides in one list. */
struct stored_set {
    enum side side;
    const char *scope_name; /* the request's name for the pair of scopes, e.g. "default" */
    struct metric_set set;
};

/* Append the encoded list. A NULL text is written as "". */
void metric_sets_encode(const struct stored_set *sets, size_t n_sets, struct strbuf *out);
void metric_pairs_encode(const struct metric_pair *pairs, size_t n_pairs, struct strbuf *out);

/* Decode a list; it lives in `arena`, which also takes the working memory: at most 24 times the
 * input and 64 KiB. Fields we do not know are skipped. No bytes are an empty list.
 *
 * Errors: ERR_INVALID, reason protobuf_syntax (not well formed; text that is not UTF-8 or holds a
 *         NUL; a side that is missing or unknown), protobuf_too_deep (over 16 levels) or
 *         protobuf_too_large (over the memory above). */
MUST_CHECK enum err_code metric_sets_decode(struct str bytes, struct arena *arena,
                                            struct stored_set **out, size_t *n_out,
                                            struct error *err);
MUST_CHECK enum err_code metric_pairs_decode(struct str bytes, struct arena *arena,
                                             struct metric_pair **out, size_t *n_out,
                                             struct error *err);

#endif
