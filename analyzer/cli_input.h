/* analyzer/cli_input.h -- what commands read: documents and thresholds. */
#ifndef ANALYZER_CLI_INPUT_H
#define ANALYZER_CLI_INPUT_H

#include "analyzer/cli.h"
#include <jansson.h>

#define PASS_DEFAULT 95.0
#define MARGINAL_DEFAULT 75.0

/* A JSON or YAML file, told apart by content. *out is owned by the caller. */
MUST_CHECK enum err_code cli_read_document(const char *path, json_t **out, struct error *err);

/* Write the text to a file, or to standard output (path NULL). Returns the exit code, after saying
 * what went wrong; half a file is not left behind. */
int cli_write_text(const struct cli_command *command, struct str text, const char *path);
/* The same for a document, indented. */
int cli_write_json(const struct cli_command *command, const json_t *json, const char *path);

/* The same as -o says: table (the default, by `as_text`), json, or json=FILE. */
int cli_write_report(const struct cli_command *command, const struct cli_args *args,
                     const json_t *report,
                     void (*as_text)(const json_t *report, struct strbuf *out));
/* 0, or 64 after saying what -o may be there. */
int cli_check_report_output(const struct cli_command *command, const struct cli_args *args);

/* Append text from outside as one line of a terminal may have it: control characters are "?". */
void cli_put_shown(struct strbuf *out, const char *text);

/* {pass, marginal}, each from its flag, else from `given`, else from the config's classifier, else
 * the default, which is said on stderr. A new object in *out. Errors: ERR_INVALID naming the flag.
 */
MUST_CHECK enum err_code cli_thresholds(const struct cli_command *command,
                                        const struct cli_args *args, const json_t *given,
                                        const json_t *config, json_t **out, struct error *err);

/* A flag's percentage as a share: "10%" or "10" is 0.1. Errors: ERR_INVALID naming the flag. */
MUST_CHECK enum err_code cli_percent(const struct cli_args *args, const char *flag,
                                     double otherwise, double *out, struct error *err);

/* 0, or 64 after saying which word --allow does not know. */
int cli_check_allow(const struct cli_command *command, const struct cli_args *args);

/* The exit code of a verdict after --allow and --exit-zero. */
int cli_verdict_exit(const struct cli_args *args, int exit_code);

#endif
