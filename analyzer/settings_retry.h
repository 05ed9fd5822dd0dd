/* analyzer/settings_retry.h -- Spring's words in kayenta.metrics.retry. */
#ifndef ANALYZER_SETTINGS_RETRY_H
#define ANALYZER_SETTINGS_RETRY_H

#include "analyzer/settings_tree.h"

/* Put numbers for the names of statuses ("BAD_GATEWAY" -> 502) and SERVER_ERROR for the series 5.
 * What cannot be asked again for (successes, redirections, all of 4xx at once) is taken out with a
 * warning. `retry` is an account's "retry" object, or anything. */
void settings_retry_normalise(struct settings_tree *tree, const char *account, json_t *retry);

#endif
