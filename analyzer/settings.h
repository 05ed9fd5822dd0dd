/* analyzer/settings.h -- what the operator configured: a native YAML file or a kayenta.yml. */
#ifndef ANALYZER_SETTINGS_H
#define ANALYZER_SETTINGS_H

#include "base/arena.h"
#include "base/log.h"
#include "collectors/account.h"
#include <stdbool.h>
#include <stdint.h>

enum account_role {
    ROLE_METRICS = 1,        /* METRICS_STORE */
    ROLE_OBJECTS = 2,        /* OBJECT_STORE */
    ROLE_CONFIGURATIONS = 4, /* CONFIGURATION_STORE */
};

/* One account as clients know it. */
struct settings_account {
    const char *name, *type; /* "prometheus", "memory", "aws", ... */
    unsigned roles;
    const struct account *metrics; /* set when this build can query it, else NULL */
    const json_t *shown;           /* extra members of GET /credentials; no secret in it */
};

enum sink_type {
    SINK_WEBHOOK, /* our own JSON, schema serinus.event/v1 */
    SINK_SLACK,   /* what Slack, and those that copy it, take at an incoming webhook */
};

/* What a sink is told of, as bits. */
enum sink_event {
    SINK_PASS = 1, /* ends, by what came of it */
    SINK_MARGINAL = 2,
    SINK_FAIL = 4,
    SINK_NODATA = 8,
    SINK_ERROR = 16,
    SINK_CANCELLED = 32,
    SINK_INTERVAL = 64, /* each judgement of an analysis, whatever came of it */
};
#define SINK_ENDS (SINK_INTERVAL - 1)

/* Where notifications go. */
struct settings_sink {
    const char *name;
    enum sink_type type;
    unsigned on;                     /* enum sink_event */
    const char *const *applications; /* of these only */
    size_t n_applications;           /* 0: of all */
    struct secret url;               /* the whole of it, without user info */
    const struct account *account;   /* how to get there: headers, credentials, timeouts */
};

/* kayenta.<store>.testControllerDefaults.<key> */
struct fetch_default {
    const char *store, *key, *value;
};

struct setting_line; /* settings_tree.h */

struct settings {
    struct arena *arena;     /* owns everything below */
    const char *listen_host; /* "127.0.0.1" */
    uint16_t listen_port;    /* 8090; 0 picks a free one */
    const char *data_dir;
    unsigned workers;
    enum log_level log_level;
    bool metric_names_unchecked;      /* kayenta.disable.metricname.validation */
    bool has_no_analyses;             /* kayenta.standaloneCanaryAnalysis.enabled is false */
    bool no_auth_accepted;            /* auth.mode none and auth.i_accept_no_auth */
    const char *const *allowed_hosts; /* besides loopback names, in loopback mode */
    size_t n_allowed_hosts;
    const char *const *cors_origins;
    size_t n_cors_origins;
    struct settings_account *accounts; /* in the order configured */
    size_t n_accounts;
    struct settings_sink *sinks; /* in the order configured */
    size_t n_sinks;
    const struct account *remote_judge; /* where RemoteJudge-v1.0 is; NULL: it is not offered */
    const char *external_url; /* where people reach this service, without trailing slash; or NULL */
    const struct fetch_default *fetch_defaults;
    size_t n_fetch_defaults;
    const char **notices; /* what is worth knowing at the start, one sentence each */
    size_t n_notices;
    const char **warnings; /* likely mistakes: unknown keys, secrets that everyone can read, ... */
    size_t n_warnings;
    const char **dropped; /* what has no effect, and why, one sentence for each key */
    size_t n_dropped;
    const struct setting_line *lines; /* for settings_show() and settings_convert() */
    size_t n_lines;
    const char **secret_variables; /* of the environment */
    size_t n_secret_variables;
};

/* What a flag says: it outranks files and environment. */
struct settings_override {
    const char *path, *value; /* "store.url"; value NULL: the flag was not given */
    const char *flag;         /* "--store", for messages */
};

struct settings_options {
    const char *const *paths;
    size_t n_paths;
    const struct settings_override *overrides;
    size_t n_overrides;
    bool is_search; /* without paths: look in the usual places, see settings_files.h */
    bool is_strict; /* a warning is an error */
    bool is_draft;  /* to be looked at only: environment and secrets may be those of elsewhere */
    /* NULL: reading ends at the first error. Else it goes on, one error for an account, a sink or a
     * setting, and when it has failed, it tells of each, and of the warnings. */
    void (*on_problem)(void *ctx, bool is_error, const char *text);
    void *ctx;
};

/* Defaults, then the files in order (later ones override key by key, lists as a whole), then
 * KAYENTA_ / SERINUS_ environment, then flags. No file: defaults with no account but the built-in
 * store "serinus". Errors: ERR_SETTINGS (exit 78) naming file, line, key, what was wrong and what
 * would be right; ERR_NOT_FOUND (66) when a named file is missing. settings_load(): files alone. */
MUST_CHECK enum err_code settings_load_with(const struct settings_options *options,
                                            struct settings **out, struct error *err);
MUST_CHECK enum err_code settings_load(const char *const *paths, size_t n_paths,
                                       struct settings **out, struct error *err);
void settings_free(struct settings *settings);

/* Wipe the environment variables that secrets were read from, and forget them: children and
 * /proc/self/environ shall not have them. Before there are threads; loading the same files again
 * will not find them. */
void settings_wipe_environment(const struct settings *settings);

/* kayenta.<store>.testControllerDefaults.<key>: what /fetch takes for a parameter that is not
 * given. `store` is the collector's name, `key` "project", "resourceType", "location", "scope",
 * "start" or "end". NULL: not set. */
const char *settings_fetch_default(const struct settings *settings, const char *store,
                                   const char *key);

/* May it listen there? To be asked after the flags have had their say, and not by commands that do
 * not listen. Errors: ERR_SETTINGS: beyond loopback without no_auth_accepted; says what to add. */
MUST_CHECK enum err_code settings_listen_check(const struct settings *settings, struct error *err);

/* By name, whatever its role; or, with a NULL or empty name, the first account that has the role.
 * Errors: ERR_INVALID with Kayenta's texts (`Unable to resolve account <name>.`, `Unable to resolve
 * account of type METRICS_STORE.`), and for a named account without the role one that says which
 * kind was needed; a configuration account of the wrong kind falls back to the first right one. */
MUST_CHECK enum err_code settings_account_find(const struct settings *settings, const char *name,
                                               enum account_role role,
                                               const struct settings_account **out,
                                               struct error *err);

#endif
