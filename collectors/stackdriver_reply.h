/* collectors/stackdriver_reply.h -- the replies of Cloud Monitoring, read as streams. */
#ifndef COLLECTORS_STACKDRIVER_REPLY_H
#define COLLECTORS_STACKDRIVER_REPLY_H

#include "collectors/collector.h"

struct stackdriver_question {
    const struct account *account;
    const struct metric_query *query; /* its scope: the window that was asked for */
    const char *text, *reducer, *aligner;
};

/* The token of the page behind this one; NULL: it is the last.
 * Errors: ERR_UPSTREAM, reason store_bad_response. */
MUST_CHECK enum err_code stackdriver_page_token(struct str body, struct arena *arena,
                                                const char **out, struct error *err);

/* All pages of projects.timeSeries.list. A series may go on on the next page; series keep the order
 * they first came in.
 * Errors: ERR_UPSTREAM, reason store_bad_response, store_error or store_too_many_... */
MUST_CHECK enum err_code stackdriver_list_read(const struct stackdriver_question *question,
                                               const struct http_response *replies,
                                               size_t n_replies, struct metric_set_list *out,
                                               struct error *err);

/* The same of projects.timeSeries.query. */
MUST_CHECK enum err_code stackdriver_mql_read(const struct stackdriver_question *question,
                                              const struct http_response *replies, size_t n_replies,
                                              struct metric_set_list *out, struct error *err);

#endif
