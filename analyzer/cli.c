#include "analyzer/cli.h"

#include "base/limits.h"
#include "collectors/gzip.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct given {
    const char *name, *value; /* value "" for a switch */
};

struct cli_args {
    struct given *given;
    size_t n_given;
    const char **positionals;
    size_t n_positionals;
};

static void print_help(const struct cli_command *command)
{
    printf("serinus %s -- %s\n\n%s\n", command->name, command->summary, command->examples);
    for (const struct cli_option *o = command->options; o->name; o++) {
        char flag[64];

        snprintf(flag, sizeof(flag), "--%s%s%s", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        if (o->short_name)
            printf("  -%c, %-26s %s\n", o->short_name, flag, o->help);
        else
            printf("      %-26s %s\n", flag, o->help);
    }
    printf("  -h, %-26s %s\n", "--help", "show this");
}

static const struct cli_option *option_long(const struct cli_command *command, const char *name,
                                            size_t n_bytes)
{
    for (const struct cli_option *o = command->options; o->name; o++)
        if (strlen(o->name) == n_bytes && strncmp(o->name, name, n_bytes) == 0)
            return o;
    return NULL;
}

static const struct cli_option *option_short(const struct cli_command *command, char name)
{
    for (const struct cli_option *o = command->options; o->name; o++)
        if (o->short_name == name)
            return o;
    return NULL;
}

static void add_given(struct cli_args *args, const char *name, const char *value)
{
    args->given[args->n_given++] = (struct given){name, value};
}

static bool is_given(const struct cli_args *args, const char *name)
{
    for (size_t i = 0; i < args->n_given; i++)
        if (strcmp(args->given[i].name, name) == 0)
            return true;
    return false;
}

static void add_environment(const struct cli_command *command, struct cli_args *args,
                            struct arena *arena)
{
    for (const struct cli_option *o = command->options; o->name; o++) {
        char *variable = arena_printf(arena, "SERINUS_%s", o->name);
        const char *value;

        for (char *c = variable; *c; c++)
            *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        value = getenv(variable);
        if (value && *value && !is_given(args, o->name))
            add_given(args, o->name, arena_strdup(arena, value));
    }
}

/* One flag at argv[*at]; moves *at past what it used. Returns 0, or the exit code of a mistake. */
static int parse_flag(const struct cli_command *command, int argc, char **argv, int *at,
                      struct cli_args *args)
{
    const char *flag = argv[*at];
    bool is_long = flag[1] == '-';
    const char *equals = is_long ? strchr(flag, '=') : NULL;
    const struct cli_option *option;
    const char *value = "";

    if (is_long)
        option =
            option_long(command, flag + 2, equals ? (size_t)(equals - flag - 2) : strlen(flag + 2));
    else
        option = flag[2] == '\0' ? option_short(command, flag[1]) : NULL;
    if (!option)
        return cli_fail(command, EXIT_USAGE, "unknown option %.60s; serinus help %s lists them",
                        flag, command->name);
    if (!option->value && equals)
        return cli_fail(command, EXIT_USAGE, "--%s takes no value", option->name);
    if (option->value && equals) {
        value = equals + 1;
    } else if (option->value) {
        if (*at + 1 >= argc)
            return cli_fail(command, EXIT_USAGE, "--%s needs a value: %s", option->name,
                            option->value);
        value = argv[++*at];
    }
    add_given(args, option->name, value);
    return 0;
}

const struct cli_args *cli_parse(const struct cli_command *command, int argc, char **argv,
                                 struct arena *arena, int *exit_code)
{
    struct cli_args *args = arena_new(arena, struct cli_args);
    size_t n_options = 0;

    while (command->options[n_options].name)
        n_options++;
    args->given = arena_array(arena, struct given, (size_t)argc + n_options);
    args->positionals = arena_array(arena, const char *, (size_t)argc);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            for (i++; i < argc; i++)
                args->positionals[args->n_positionals++] = argv[i];
        } else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            print_help(command);
            *exit_code = EXIT_PASS;
            return NULL;
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            *exit_code = parse_flag(command, argc, argv, &i, args);
            if (*exit_code)
                return NULL;
        } else {
            args->positionals[args->n_positionals++] = argv[i];
        }
    }
    add_environment(command, args, arena);
    return args;
}

bool cli_has(const struct cli_args *args, const char *name)
{
    return is_given(args, name);
}

size_t cli_count(const struct cli_args *args, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < args->n_given; i++)
        n += strcmp(args->given[i].name, name) == 0;
    return n;
}

const char *cli_value_at(const struct cli_args *args, const char *name, size_t i)
{
    for (size_t g = 0; g < args->n_given; g++)
        if (strcmp(args->given[g].name, name) == 0 && i-- == 0)
            return args->given[g].value;
    return NULL;
}

const char *cli_value(const struct cli_args *args, const char *name)
{
    size_t n = cli_count(args, name);

    return n ? cli_value_at(args, name, n - 1) : NULL;
}

size_t cli_n_positionals(const struct cli_args *args)
{
    return args->n_positionals;
}

const char *cli_positional(const struct cli_args *args, size_t i)
{
    return i < args->n_positionals ? args->positionals[i] : NULL;
}

int cli_fail(const struct cli_command *command, int exit_code, const char *fmt, ...)
{
    struct strbuf text = {0};
    va_list args;

    va_start(args, fmt);
    strbuf_vprintf(&text, fmt, args);
    va_end(args);
    for (size_t i = 0; i < text.n_bytes; i++) /* data must not drive the terminal */
        if (iscntrl((unsigned char)text.bytes[i]))
            text.bytes[i] = ' ';
    fprintf(stderr, "serinus %s: %s\n", command->name, strbuf_view(&text).bytes);
    strbuf_clear(&text);
    return exit_code;
}

int cli_exit_code(const struct error *err)
{
    if (err->reason && strcmp(err->reason, "usage") == 0)
        return EXIT_USAGE;
    switch (err->code) {
    case ERR_OK:
        return EXIT_PASS;
    case ERR_INVALID:
    case ERR_UNSUPPORTED:
    case ERR_CONFLICT:
    case ERR_LIMIT:
    case ERR_UNDECIDABLE:
        return EXIT_BAD_INPUT;
    case ERR_NOT_FOUND:
        return EXIT_NO_INPUT;
    case ERR_UPSTREAM:
    case ERR_TIMEOUT:
    case ERR_CANCELLED:
        return EXIT_UNAVAILABLE;
    case ERR_STORAGE:
    case ERR_IO:
        return EXIT_IO;
    case ERR_BUSY:
        return EXIT_LATER;
    case ERR_PERMISSION:
        return EXIT_PERMISSION;
    case ERR_SETTINGS:
        return EXIT_SETTINGS;
    case ERR_INTERNAL:
        break;
    }
    return EXIT_BUG;
}

int cli_fail_with(const struct cli_command *command, const struct error *err)
{
    char text[sizeof(err->context) + sizeof(err->message) + 2];

    return cli_fail(command, cli_exit_code(err), "%s%s%s", error_text(err, text, sizeof(text)),
                    err->pointer[0] ? " at " : "", err->pointer);
}

static enum err_code open_failed(const char *path, struct error *err)
{
    enum err_code code = ERR_IO;

    if (errno == ENOENT || errno == ENOTDIR)
        code = ERR_NOT_FOUND;
    else if (errno == EACCES || errno == EPERM)
        code = ERR_PERMISSION;
    return error_set(err, code, "cannot open %s: %s", path, strerror(errno));
}

static enum err_code read_all(int fd, const char *path, struct strbuf *out, struct error *err)
{
    char chunk[65536];

    out->max_bytes = CLI_MAX_DOCUMENT_BYTES;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
        if (!strbuf_append(out, chunk, (size_t)n))
            return error_set(err, ERR_LIMIT, "%s is larger than %u MiB", path,
                             CLI_MAX_DOCUMENT_BYTES / MIB);
        if (n == 0)
            return ERR_OK;
    }
}

static enum err_code read_as_it_is(const char *path, struct strbuf *out, struct error *err)
{
    struct stat st;
    int fd;

    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", out, err);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO without a writer must not hang */
    if (fd < 0)
        return open_failed(path, err);
    if (fstat(fd, &st) != 0)
        error_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        error_set(err, ERR_INVALID, "%s is not a regular file", path);
    else if (st.st_size > (off_t)CLI_MAX_DOCUMENT_BYTES)
        error_set(err, ERR_LIMIT, "%s is larger than %u MiB", path, CLI_MAX_DOCUMENT_BYTES / MIB);
    else
        (void)(read_all(fd, path, out, err) == ERR_OK);
    close(fd);
    return err->code;
}

enum err_code cli_read_file(const char *path, struct strbuf *out, struct error *err)
{
    struct strbuf packed;
    const char *problem;

    if (read_as_it_is(path, out, err) || !gzip_is(strbuf_view(out)))
        return err->code;
    packed = *out;
    *out = (struct strbuf){.max_bytes = CLI_MAX_DOCUMENT_BYTES};
    problem = gzip_unpack(strbuf_view(&packed), out);
    strbuf_clear(&packed);
    if (problem)
        return error_set(err, out->is_full ? ERR_LIMIT : ERR_INVALID, "cannot read %s: %s", path,
                         problem);
    return ERR_OK;
}

/* One line without its end into *out. What is longer than a document may be is dropped but for one
 * byte, by which the reader sees that it is too long. False at the end of the input. */
static bool read_line(FILE *in, struct strbuf *out)
{
    char chunk[4096];
    size_t n = 0;
    int c;

    out->n_bytes = 0;
    out->max_bytes = CLI_MAX_DOCUMENT_BYTES + 1u;
    while ((c = getc_unlocked(in)) != EOF && c != '\n') {
        chunk[n++] = (char)c;
        if (n < sizeof(chunk))
            continue;
        if (!strbuf_append(out, chunk, n))
            strbuf_append(out, chunk, out->max_bytes - out->n_bytes);
        n = 0;
    }
    if (!strbuf_append(out, chunk, n))
        strbuf_append(out, chunk, out->max_bytes - out->n_bytes);
    return c != EOF || out->n_bytes > 0;
}

static bool is_blank(struct str line)
{
    for (size_t i = 0; i < line.n_bytes; i++)
        if (!isspace((unsigned char)line.bytes[i]))
            return false;
    return true;
}

int cli_batch(const struct cli_command *command,
              bool (*answer)(struct str line, struct strbuf *out, void *ctx), void *ctx)
{
    struct strbuf line = {0};
    struct strbuf out = {0};
    bool all_ok = true;

    while (read_line(stdin, &line)) {
        if (is_blank(strbuf_view(&line)))
            continue;
        out.n_bytes = 0;
        all_ok = answer(strbuf_view(&line), &out, ctx) && all_ok;
        strbuf_puts(&out, "\n");
        if (fwrite(out.bytes, 1, out.n_bytes, stdout) != out.n_bytes)
            break;
    }
    strbuf_clear(&line);
    strbuf_clear(&out);
    if (ferror(stdin))
        return cli_fail(command, EXIT_IO, "cannot read standard input");
    if (ferror(stdout) || fflush(stdout) != 0)
        return cli_fail(command, EXIT_IO, "cannot write standard output");
    return all_ok ? EXIT_PASS : EXIT_BAD_INPUT;
}

const struct cli_option cli_batch_options[] = {
    {"batch", 0, NULL, "one JSON request a line on standard input, one answer a line out"},
    {0},
};

int cli_batch_only(const struct cli_command *command, int argc, char **argv,
                   bool (*answer)(struct str line, struct strbuf *out, void *ctx))
{
    struct arena *arena = arena_create();
    int exit_code = EXIT_USAGE;
    const struct cli_args *args = cli_parse(command, argc, argv, arena, &exit_code);

    if (args && cli_n_positionals(args))
        exit_code =
            cli_fail(command, EXIT_USAGE, "unexpected argument \"%s\"", cli_positional(args, 0));
    else if (args && !cli_has(args, "batch"))
        exit_code = cli_fail(command, EXIT_USAGE, "--batch is missing");
    else if (args)
        exit_code = cli_batch(command, answer, NULL);
    arena_free(arena);
    return exit_code;
}

size_t cli_distance(const char *a, const char *b)
{
    size_t row[32];
    size_t n = strlen(b);

    if (n + 1 > ARRAY_LEN(row))
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t best = diagonal + (a[i] != b[j]);

            diagonal = row[j + 1];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (diagonal + 1 < best)
                best = diagonal + 1;
            row[j + 1] = best;
        }
    }
    return row[n];
}
