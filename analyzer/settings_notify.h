/* analyzer/settings_notify.h -- the native list `notify`, and where this service is reached. */
#ifndef ANALYZER_SETTINGS_NOTIFY_H
#define ANALYZER_SETTINGS_NOTIFY_H

#include "analyzer/settings.h"
#include "analyzer/settings_tree.h"

/* Fill settings->sinks, in the order configured, and settings->external_url. What a sink's url and
 * headers hold is in no message.
 * Errors: ERR_SETTINGS naming the key and what would be right: one that is missing or not known, a
 * name used twice, a type, event or length of time that there is not, a URL that is none, a header
 * that is not the user's to set, too many sinks. */
MUST_CHECK enum err_code settings_notify_read(struct settings_tree *tree, struct settings *settings,
                                              struct error *err);

#endif
