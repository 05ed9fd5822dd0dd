/* analyzer/cli.h -- what every command shares: options from one table, exit codes, reading inputs.
 *
 * A command is `int cmd_x(const struct cli_command *self, int argc, char **argv)` with argv[0] its
 * own name; it returns the exit code. stdout carries the result and nothing else. */
#ifndef ANALYZER_CLI_H
#define ANALYZER_CLI_H

#include "base/arena.h"
#include "base/str.h"
#include <stdbool.h>

enum exit_code {
    EXIT_PASS = 0,
    EXIT_MARGINAL = 10,
    EXIT_FAIL = 11,
    EXIT_NODATA = 12,
    EXIT_USAGE = 64,
    EXIT_BAD_INPUT = 65,
    EXIT_NO_INPUT = 66,
    EXIT_UNAVAILABLE = 69,
    EXIT_BUG = 70,
    EXIT_CANNOT_CREATE = 73,
    EXIT_IO = 74,
    EXIT_LATER = 75,
    EXIT_PERMISSION = 77,
    EXIT_SETTINGS = 78,
    EXIT_TIMEOUT = 124,
    EXIT_BY_SIGNAL = 128, /* plus its number: 130 INT, 143 TERM */
};

/* One flag. `name` without dashes; `short_name` 0 for none; `value` the placeholder in help, NULL
 * for a switch. Tables end with a zeroed row. */
struct cli_option {
    const char *name;
    char short_name;
    const char *value;
    const char *help;
};

struct cli_command {
    const char *name;
    const char *summary;  /* one line */
    const char *examples; /* shown first in help */
    const struct cli_option *options;
    int (*run)(const struct cli_command *self, int argc, char **argv);
};

extern const struct cli_command command_serve, command_run, command_judge, command_stats,
    command_collect, command_replay, command_config, command_store, command_fetch, command_accounts,
    command_validate, command_check_config, command_backtest, command_plan;

/* What was given on the command line: every occurrence of every flag, and the positionals. */
struct cli_args;

/* Parse argv against the command's options. On -h or a mistake this prints help or the error and
 * returns NULL with *exit_code set. Flags may stand anywhere, no abbreviations, `--` ends them.
 * The result lives in `arena`. A flag that is not given is looked up in the environment as SERINUS_
 * and its name in capitals. */
const struct cli_args *cli_parse(const struct cli_command *command, int argc, char **argv,
                                 struct arena *arena, int *exit_code);

bool cli_has(const struct cli_args *args, const char *name);
const char *cli_value(const struct cli_args *args, const char *name); /* the last one, or NULL */
size_t cli_count(const struct cli_args *args, const char *name);
const char *cli_value_at(const struct cli_args *args, const char *name, size_t i);
size_t cli_n_positionals(const struct cli_args *args);
const char *cli_positional(const struct cli_args *args, size_t i);

/* "serinus NAME: " and the message on stderr, control characters escaped; returns `exit_code`. */
int cli_fail(const struct cli_command *command, int exit_code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* The same for an error, with its context and the pointer of what is wrong; returns the exit code
 * that belongs to it. */
int cli_fail_with(const struct cli_command *command, const struct error *err);

/* The exit code that belongs to an error: 65 for bad input, 69 for a store that failed, ...; an
 * error of the command line itself has the reason "usage" and gives 64. */
int cli_exit_code(const struct error *err);

/* Read a whole file ("-" is standard input) of at most CLI_MAX_DOCUMENT_BYTES, regular files and
 * pipes only. What is compressed with gzip is decompressed, with the same limit.
 * Errors: ERR_INVALID (exit 65): broken gzip data; ERR_NOT_FOUND (66), ERR_PERMISSION (77), ERR_IO
 * (74), ERR_LIMIT (65). */
MUST_CHECK enum err_code cli_read_file(const char *path, struct strbuf *out, struct error *err);

/* Run `answer` on every line of standard input and write what it appends to `out` as one line each,
 * in order; blank lines are skipped, too long ones (CLI_MAX_DOCUMENT_BYTES) cut so that json_read()
 * refuses them. `answer` returns false when the line was answered with an error. Returns the exit
 * code: 0, or 65 if any line was answered with an error, or 74. */
int cli_batch(const struct cli_command *command,
              bool (*answer)(struct str line, struct strbuf *out, void *ctx), void *ctx);

/* A command that knows nothing but --batch: its options, and its run() but for `answer`. */
extern const struct cli_option cli_batch_options[];
int cli_batch_only(const struct cli_command *command, int argc, char **argv,
                   bool (*answer)(struct str line, struct strbuf *out, void *ctx));

/* Edit distance, for "did you mean". Names are short: SIZE_MAX where `b` is longer than one. */
size_t cli_distance(const char *a, const char *b);

#endif
