#include "analyzer/cli_input.h"

#include "analyzer/codec/yaml_json.h"
#include "base/json.h"
#include "base/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PERCENT 100.0
#define MAX_PERCENT 1000.0

enum err_code cli_read_document(const char *path, json_t **out, struct error *err)
{
    struct strbuf text = {0};

    if (cli_read_file(path, &text, err) == ERR_OK &&
        yaml_or_json_read(strbuf_view(&text), path, out, err))
        error_context(err, "%s", path);
    strbuf_clear(&text);
    return err->code;
}

int cli_write_text(const struct cli_command *command, struct str text, const char *path)
{
    FILE *file = path ? fopen(path, "w") : stdout;
    bool is_written;

    if (!file)
        return cli_fail(command, EXIT_CANNOT_CREATE, "cannot create %s: %s", path, strerror(errno));
    is_written = fwrite(text.bytes, 1, text.n_bytes, file) == text.n_bytes;
    if (path)
        is_written = fclose(file) == 0 && is_written;
    else
        is_written = fflush(file) == 0 && is_written;
    if (is_written)
        return EXIT_PASS;
    if (path)
        unlink(path); /* half a document is worse than none */
    return cli_fail(command, EXIT_IO, "cannot write %s", path ? path : "standard output");
}

int cli_write_json(const struct cli_command *command, const json_t *json, const char *path)
{
    struct strbuf text = {0};
    int exit_code;

    json_write_pretty(json, &text);
    exit_code = cli_write_text(command, strbuf_view(&text), path);
    strbuf_clear(&text);
    return exit_code;
}

int cli_check_report_output(const struct cli_command *command, const struct cli_args *args)
{
    const char *output = cli_value(args, "output");

    if (!output || strcmp(output, "table") == 0 || strcmp(output, "json") == 0 ||
        strncmp(output, "json=", strlen("json=")) == 0)
        return EXIT_PASS;
    return cli_fail(command, EXIT_USAGE, "-o must be table, json or json=FILE, not \"%.40s\"",
                    output);
}

int cli_write_report(const struct cli_command *command, const struct cli_args *args,
                     const json_t *report,
                     void (*as_text)(const json_t *report, struct strbuf *out))
{
    const char *output = cli_value(args, "output");
    const char *file = output ? strchr(output, '=') : NULL;
    struct strbuf text = {0};
    int exit_code;

    if (output && strcmp(output, "table") != 0)
        return cli_write_json(command, report, file ? file + 1 : NULL);
    as_text(report, &text);
    exit_code = cli_write_text(command, strbuf_view(&text), NULL);
    strbuf_clear(&text);
    return exit_code;
}

void cli_put_shown(struct strbuf *out, const char *text)
{
    for (const char *c = text; *c; c++)
        strbuf_append(out, (unsigned char)*c < ' ' || *c == '\x7f' ? "?" : c, 1);
}

static enum err_code threshold(const struct cli_command *command, const struct cli_args *args,
                               const char *name, const json_t *given, const json_t *config,
                               double otherwise, double *out, struct error *err)
{
    const json_t *own = json_object_get(
        json_object_get(json_object_get(config, "classifier"), "scoreThresholds"), name);
    const char *flag = cli_value(args, name);

    *out = otherwise;
    if (flag) {
        if (!number_parse(flag, strlen(flag), out) || !isfinite(*out))
            return error_because(err, ERR_INVALID, "usage", "--%s must be a number, not \"%s\"",
                                 name, flag);
    } else if (!json_to_double(json_object_get(given, name), out) && !json_to_double(own, out)) {
        fprintf(stderr, "serinus %s: no %s threshold given, %g is taken\n", command->name, name,
                otherwise);
    }
    return ERR_OK;
}

enum err_code cli_thresholds(const struct cli_command *command, const struct cli_args *args,
                             const json_t *given, const json_t *config, json_t **out,
                             struct error *err)
{
    double pass, marginal;

    if (threshold(command, args, "pass", given, config, PASS_DEFAULT, &pass, err) ||
        threshold(command, args, "marginal", given, config, MARGINAL_DEFAULT, &marginal, err))
        return err->code;
    *out = json_pack("{sfsf}", "pass", pass, "marginal", marginal);
    return ERR_OK;
}

static bool is_listed(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, word, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

int cli_check_allow(const struct cli_command *command, const struct cli_args *args)
{
    const char *allowed = cli_value(args, "allow");

    for (const char *at = allowed; at && *at;) {
        size_t n = strcspn(at, ",");

        if (!(n == strlen("marginal") && strncmp(at, "marginal", n) == 0) &&
            !(n == strlen("nodata") && strncmp(at, "nodata", n) == 0))
            return cli_fail(command, EXIT_USAGE,
                            "--allow takes marginal, nodata or both with a comma, not \"%.40s\"",
                            allowed);
        at += n + (at[n] == ',');
    }
    return EXIT_PASS;
}

int cli_verdict_exit(const struct cli_args *args, int exit_code)
{
    const char *allowed = cli_value(args, "allow");

    if (exit_code >= EXIT_USAGE || cli_has(args, "exit-zero"))
        return exit_code >= EXIT_USAGE ? exit_code : EXIT_PASS;
    if ((exit_code == EXIT_MARGINAL && is_listed(allowed, "marginal")) ||
        (exit_code == EXIT_NODATA && is_listed(allowed, "nodata"))) {
        fputs("allowed by --allow\n", stderr);
        return EXIT_PASS;
    }
    return exit_code;
}

enum err_code cli_percent(const struct cli_args *args, const char *flag, double otherwise,
                          double *out, struct error *err)
{
    const char *text = cli_value(args, flag);
    size_t n = text ? strlen(text) : 0;

    *out = otherwise;
    if (!text)
        return ERR_OK;
    while (n && (text[n - 1] == '%' || text[n - 1] == ' '))
        n--;
    if (!number_parse(text, n, out) || !(*out > 0 && *out <= MAX_PERCENT))
        return error_because(err, ERR_INVALID, "usage",
                             "--%s must be a percentage above 0, as 10%%, not \"%.40s\"", flag,
                             text);
    *out /= PERCENT;
    return ERR_OK;
}
