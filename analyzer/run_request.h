/* analyzer/run_request.h -- the execution request that the flags of `serinus run` describe. */
#ifndef ANALYZER_RUN_REQUEST_H
#define ANALYZER_RUN_REQUEST_H

#include "analyzer/cli.h"
#include <jansson.h>

/* The --request file, if any, with the flags put over it; one pair of scopes for every scope name
 * the config's metrics use. A new object in *out. Errors: ERR_INVALID naming the flag, and what
 * reading the file gives. */
MUST_CHECK enum err_code run_request_build(const struct cli_command *command,
                                           const struct cli_args *args, const json_t *config,
                                           int64_t now_unix_ns, json_t **out, struct error *err);

#endif
