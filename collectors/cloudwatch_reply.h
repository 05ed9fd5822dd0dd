/* collectors/cloudwatch_reply.h -- the replies to GetMetricData, page by page. */
#ifndef COLLECTORS_CLOUDWATCH_REPLY_H
#define COLLECTORS_CLOUDWATCH_REPLY_H

#include "collectors/collector.h"

/* What was asked, and how. */
struct cloudwatch_question {
    const struct account *account;
    const struct metric_query *query;
    const char *text;
    bool is_partial_accepted; /* a series that is not complete is told with it, and no error */
};

/* All pages: each series on the grid of its queries.
 * Errors: ERR_UPSTREAM, reason store_bad_response, store_error, store_rejected, store_unavailable
 *         or store_too_many_...; those of cloudwatch_queries_read(). */
MUST_CHECK enum err_code cloudwatch_replies_read(const struct cloudwatch_question *question,
                                                 const struct http_response *replies,
                                                 size_t n_replies, struct metric_set_list *out,
                                                 struct error *err);

/* One page as it came, owned by the caller; NULL: it is not JSON. */
json_t *cloudwatch_reply_page(const struct http_response *reply, struct error *err);

/* Type and message of an error, without the type's namespace; NULL: it says neither. */
const char *cloudwatch_reply_words(const json_t *root, struct arena *arena);

#endif
