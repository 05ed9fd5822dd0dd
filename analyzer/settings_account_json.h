/* analyzer/settings_account_json.h -- an account's settings as the JSON object that collectors
 * read: keys in camelCase, placeholders replaced. Each value is noted for `config show`. */
#ifndef ANALYZER_SETTINGS_ACCOUNT_JSON_H
#define ANALYZER_SETTINGS_ACCOUNT_JSON_H

#include "analyzer/settings_keys.h"
#include "analyzer/settings_tree.h"

/* What is being read. */
struct account_reading {
    struct settings_tree *tree;
    const struct account_kind *kind;
    const char *name;
    const char *prefix;      /* of what is noted: "accounts[3]" */
    bool has_kayentas_names; /* note the URL as "endpoint.baseUrl" also of what is asked */
    struct error *err;
};

/* A new object without name, type and roles. Of an account that only stores, what is not shown to
 * clients is left out unread: its data is kept here. Unknown keys are warned of.
 * Errors: ERR_SETTINGS. */
MUST_CHECK enum err_code account_json_read(struct account_reading *r, const struct setting *place,
                                           json_t **out);

/* Add what is said once for all accounts or for all of a store: retry policy, limits, the store's
 * keys and their defaults. Errors: ERR_SETTINGS. */
MUST_CHECK enum err_code account_json_add_defaults(struct account_reading *r, json_t *config);

#endif
