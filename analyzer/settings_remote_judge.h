/* analyzer/settings_remote_judge.h -- kayenta.remoteJudge: where RemoteJudge-v1.0 is asked. */
#ifndef ANALYZER_SETTINGS_REMOTE_JUDGE_H
#define ANALYZER_SETTINGS_REMOTE_JUDGE_H

#include "analyzer/settings.h"
#include "analyzer/settings_tree.h"

/* Fill settings->remote_judge when `enabled` is true. Besides Kayenta's endpoint.baseUrl it takes
 * what any account takes: credentials, headers, tls, proxy, timeouts, retry. What it reads of a
 * reply is limited in any case (base/limits.h).
 * Errors: ERR_SETTINGS: enabled without an endpoint; what account_decode() refuses. */
MUST_CHECK enum err_code settings_remote_judge_read(struct settings_tree *tree,
                                                    struct settings *settings, struct error *err);

#endif
