/* analyzer/run_request.h -- the execution request that the flags of `serinus run` and its kin
 * describe. */
#ifndef ANALYZER_RUN_REQUEST_H
#define ANALYZER_RUN_REQUEST_H

#include "analyzer/cli.h"
#include <jansson.h>

struct run_request_rules {
    const char *default_last; /* the window, "1h", where there is neither a file nor a flag for it;
                                 NULL: refused */
    bool may_be_one_scope;    /* without --canary the baseline's scope is that of both sides */
};

/* The --request file, if any, with the flags put over it; one pair of scopes for every scope name
 * the config's metrics use. Thresholds are left to the caller. A new object in *out.
 *
 * Errors: ERR_INVALID naming the flag, and what reading the file gives. */
MUST_CHECK enum err_code run_request_build(const struct cli_args *args, const json_t *config,
                                           int64_t now_unix_ns,
                                           const struct run_request_rules *rules, json_t **out,
                                           struct error *err);

#endif
