/* collectors/names.h -- all that a store says it has, in as many replies as it takes: pages, or the
 * files of a folder. No I/O: who asks sends one request after the other. */
#ifndef COLLECTORS_NAMES_H
#define COLLECTORS_NAMES_H

#include "collectors/collector.h"

#define NAMES_MAX_REQUESTS 50u
#define NAMES_MAX 50000u

struct names {
    const struct collector_type *type; /* with metadata or completion */
    const struct account *account;
    const char *text; /* what is completed; "" with metadata */
    struct arena *arena;
    struct http_request *requests[NAMES_MAX_REQUESTS];
    size_t n_requests, n_answered;
    size_t n_bytes;
    json_t *list; /* so far; owned, as is what follows */
    json_t *seen;
};

/* All of it is borrowed until names_clear().
 * Errors: those of collector_build_metadata() and collector_build_completion(). */
MUST_CHECK enum err_code names_begin(struct names *names, const struct collector_type *type,
                                     const struct account *account, const char *text,
                                     struct arena *arena, struct error *err);

/* What is to be asked now; NULL: nothing more. */
const struct http_request *names_request(const struct names *names);

/* Its reply: whoever is in it is added to names->list, each once.
 * Errors: those of collector_check_reply() and of the store's parse; ERR_UPSTREAM, reason
 *         store_too_many_pages: there are more requests or names than the above, or a page leads
 *         back to one that came before; reason store_response_too_large: all replies together are
 *         more than the account allows one. What came before the error stays in the list. */
MUST_CHECK enum err_code names_take(struct names *names, const struct http_response *reply,
                                    struct error *err);

/* It has no reply. True: the rest is worth asking without it, as the other files of a folder are.
 */
bool names_skip(struct names *names);

/* Frees list and seen; accepts what was never begun. */
void names_clear(struct names *names);

#endif
