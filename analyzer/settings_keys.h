/* analyzer/settings_keys.h -- every key there is, so that a slip of the pen is noticed. */
#ifndef ANALYZER_SETTINGS_KEYS_H
#define ANALYZER_SETTINGS_KEYS_H

#include "analyzer/settings.h"
#include "analyzer/settings_tree.h"

/* Kayenta's second switch for some of what an account can do: kayenta.<section>.enabled. */
struct account_switch {
    const char *section; /* "gcs"; NULL: none */
    unsigned roles;      /* what it switches */
};

/* A kind of account: its section in a kayenta.yml, its type in a native file. */
struct account_kind {
    const char *section;     /* "prometheus" */
    const char *collector;   /* finds the collector; NULL: it only stores */
    unsigned roles;          /* what it may be */
    unsigned default_roles;  /* what it is when it does not say; 0: nothing */
    bool needs_url;          /* there is no default to fall back to */
    const char *shown[6];    /* members of GET /credentials, in camelCase */
    const char *root_folder; /* default of rootFolder, when that is shown */
    const char
        *store_defaults[3][2]; /* keys that stand here when neither account nor store has them */
    const char *unused[3];     /* keys that Kayenta reads, or shows in its sample, and never uses */
    struct account_switch switches[3];
};

extern const struct account_kind account_kinds[];
extern const size_t n_account_kinds;
const struct account_kind *account_kind_find(const char *section); /* the relaxed way; or NULL */

/* Every word that may be a key in an account, at whatever level. */
extern const char *const account_keys[];
extern const size_t n_account_keys;

/* The camelCase spelling of an account's key: a known one, or what follows from its dashes and
 * underscores. *is_known says which. */
const char *account_key_spell(const char *key, struct arena *arena, bool *is_known);
const char *account_key_nearest(const char *key); /* NULL: none is near */
bool account_key_is_list(const char *camel_case_key);

/* Keys that a store's section has for all of its accounts: kayenta.<collector>.<key>. */
extern const char *const store_keys[];
extern const size_t n_store_keys;
/* Keys of kayenta.<collector>.testControllerDefaults. */
extern const char *const fetch_default_keys[];
extern const size_t n_fetch_default_keys;

enum setting_use {
    SETTING_TAKEN,     /* read, and shown by this name */
    SETTING_FOLDED,    /* read into another setting or into accounts, and shown there */
    SETTING_NO_EFFECT, /* known, and said to do nothing here */
    SETTING_FOREIGN,   /* other programs' sections that a kayenta.yml has */
};

/* Every setting outside the accounts. `*` stands for an account kind's section or for stackdriver,
 * `**` for all below; the first match counts. */
struct known_setting {
    const char *path;
    enum setting_use use;
};
extern const struct known_setting known_settings[];
extern const size_t n_known_settings;

bool settings_key_is_shown(const char *path); /* SETTING_TAKEN, by exactly this path */
/* Does a key at the root belong to the native form? "http", "accounts", "store.url" */
bool settings_key_is_native(const char *key);

/* Add a warning for each key that is not known (with the nearest one that is), a notice for those
 * without effect, and one for all sections that are other programs' business. Keys of accounts are
 * not looked at. */
void settings_keys_review(struct settings_tree *tree);

/* Warn of files with secrets, these settings among them, that everyone can read or nobody. */
void settings_open_secrets_review(struct settings_tree *tree);

/* Lay KAYENTA_... and SERINUS_... variables that name a known setting over the tree; one that ends
 * in _FILE besides names the file that holds the value. SERVER_PORT and SERVER_ADDRESS count where
 * Kayenta's settings are there. Errors: ERR_SETTINGS: a variable and its _FILE twin are both set.
 */
MUST_CHECK enum err_code settings_keys_environment(struct settings_tree *tree, char **environment,
                                                   struct error *err);

#endif
