/* analyzer/settings_listen.h -- where the service listens, and what keeps strangers out there. */
#ifndef ANALYZER_SETTINGS_LISTEN_H
#define ANALYZER_SETTINGS_LISTEN_H

#include "analyzer/settings.h"
#include "analyzer/settings_tree.h"

/* Fill listen_host, listen_port and no_auth_accepted from http.listen or Kayenta's server.port and
 * server.address; note what management.* asks for and does not get. See settings_listen_check().
 * Errors: ERR_SETTINGS: no ADDRESS:PORT, more than one, a socket in the file system, TLS and key
 * stores, authentication: what would be a hole if it were quietly ignored. */
MUST_CHECK enum err_code settings_listen_read(struct settings_tree *tree, struct settings *settings,
                                              struct error *err);

#endif
