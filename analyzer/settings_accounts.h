/* analyzer/settings_accounts.h -- the accounts of the native list and of Kayenta's sections. */
#ifndef ANALYZER_SETTINGS_ACCOUNTS_H
#define ANALYZER_SETTINGS_ACCOUNTS_H

#include "analyzer/settings.h"
#include "analyzer/settings_tree.h"

/* Fill settings->accounts, in the order configured; the built-in store "serinus" takes the roles of
 * a result store that no account has.
 * Errors: ERR_SETTINGS: no name, a name used twice, no or an unknown type, a role that does not
 * exist, no URL where one is needed, and what account_decode() refuses. */
MUST_CHECK enum err_code settings_accounts_read(struct settings_tree *tree,
                                                struct settings *settings, struct error *err);

#endif
