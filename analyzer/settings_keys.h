/* analyzer/settings_keys.h -- every key there is, so that a slip of the pen is noticed. */
#ifndef ANALYZER_SETTINGS_KEYS_H
#define ANALYZER_SETTINGS_KEYS_H

#include "analyzer/settings.h"
#include "analyzer/settings_tree.h"

/* A kind of account: its section in a kayenta.yml, its type in a native file. */
struct account_kind {
    const char *section;     /* "prometheus" */
    const char *collector;   /* finds the collector; NULL: it only stores */
    unsigned roles;          /* what it may be */
    unsigned default_roles;  /* what it is when it does not say; 0: nothing */
    bool needs_url;          /* there is no default to fall back to */
    const char *shown[6];    /* members of GET /credentials, in camelCase */
    const char *root_folder; /* default of rootFolder, when that is shown */
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

enum setting_use {
    SETTING_TAKEN,     /* read by settings.c or settings_accounts.c */
    SETTING_NO_EFFECT, /* known, and said to do nothing here */
    SETTING_FOREIGN,   /* other programs' sections that a kayenta.yml has */
};

/* Every setting outside the accounts. `*` stands for an account kind's section, `**` for all below;
 * the first match counts. */
struct known_setting {
    const char *path;
    enum setting_use use;
};
extern const struct known_setting known_settings[];
extern const size_t n_known_settings;

/* Add a notice for each key that is not known (with the nearest one that is) or has no effect, and
 * one for all sections that are other programs' business. Keys of accounts are not looked at. */
void settings_keys_review(struct settings_tree *tree);

/* Lay KAYENTA_... and SERINUS_... variables that name a known setting over the tree.
 * Errors: ERR_SETTINGS. */
MUST_CHECK enum err_code settings_keys_environment(struct settings_tree *tree, char **environment,
                                                   struct error *err);

#endif
