/* analyzer/settings_show.h -- settings as text: all that are in effect, or as a native file. */
#ifndef ANALYZER_SETTINGS_SHOW_H
#define ANALYZER_SETTINGS_SHOW_H

#include "analyzer/settings.h"
#include "analyzer/settings_tree.h"
#include "base/str.h"

/* "path: value" for each effective setting, defaults included, by its native name where it has one.
 * has_origin adds where it comes from: "# kayenta.yml:7 (server.port)", "# environment NAME",
 * "# default". Secrets are ********, of a URL its user info alone. */
void settings_show(const struct settings *settings, bool has_origin, struct strbuf *out);

/* A native file that loads to the same settings; what is as the default says is left out. A secret
 * stays the reference it was (${env:NAME}, ${file:/path}); one that stood in the open becomes
 * ${env:SERINUS_SECRET_...} with a comment that says so. `source` is named at the top. */
void settings_convert(const struct settings *settings, const char *source, struct strbuf *out);

/* A scalar as YAML: plain where it reads back as the same text, else in double quotes. */
void settings_yaml_scalar(const char *text, struct arena *arena, struct strbuf *out);

#endif
