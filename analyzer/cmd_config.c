/* serinus config: the settings as the service would see them, and Kayenta's as a native file. */
#include "analyzer/cli.h"
#include "analyzer/settings.h"
#include "analyzer/settings_show.h"

#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "settings; may repeat. Without it, what serinus serve would find"},
    {"origin", 0, NULL, "show: say where each setting comes from"},
    {"strict-config", 0, NULL, "a warning is an error"},
    {0},
};

static void say(const struct cli_command *self, const char *what, const char *const *texts,
                size_t n_texts)
{
    for (size_t i = 0; i < n_texts; i++)
        (void)cli_fail(self, EXIT_PASS, "%s%s", what, texts[i]);
}

static int print(const struct cli_command *self, const struct strbuf *text)
{
    if (fwrite(text->bytes, 1, text->n_bytes, stdout) != text->n_bytes || fflush(stdout) != 0)
        return cli_fail(self, EXIT_IO, "cannot write standard output");
    return EXIT_PASS;
}

static int show(const struct cli_command *self, const struct cli_args *args,
                const struct settings *settings)
{
    struct strbuf text = {0};
    int exit_code;

    say(self, "warning: ", settings->warnings, settings->n_warnings);
    settings_show(settings, cli_has(args, "origin"), &text);
    exit_code = print(self, &text);
    strbuf_clear(&text);
    return exit_code;
}

static int convert(const struct cli_command *self, const struct settings *settings,
                   const char *const *paths, size_t n_paths)
{
    struct strbuf text = {0}, source = {0};
    int exit_code;

    for (size_t i = 0; i < n_paths; i++)
        strbuf_printf(&source, "%s%s", i ? ", " : "", paths[i]);
    say(self, "warning: ", settings->warnings, settings->n_warnings);
    say(self, "dropped: ", settings->dropped, settings->n_dropped);
    settings_convert(settings, source.bytes, &text);
    exit_code = print(self, &text);
    strbuf_clear(&source);
    strbuf_clear(&text);
    return exit_code;
}

/* Files named by -c, then those that stand alone. */
static size_t collect_paths(const struct cli_args *args, const char **paths)
{
    size_t n = 0;

    for (size_t i = 0; i < cli_count(args, "config"); i++)
        paths[n++] = cli_value_at(args, "config", i);
    for (size_t i = 1; i < cli_n_positionals(args); i++)
        paths[n++] = cli_positional(args, i);
    return n;
}

static int cmd_config(const struct cli_command *self, int argc, char **argv)
{
    struct arena *arena = arena_create();
    struct settings *settings = NULL;
    struct settings_options wanted = {0};
    struct error err = {0};
    const struct cli_args *args;
    const char *what;
    const char **paths;
    int exit_code;

    args = cli_parse(self, argc, argv, arena, &exit_code);
    if (!args)
        goto out;
    what = cli_positional(args, 0);
    if (!what || (strcmp(what, "show") != 0 && strcmp(what, "convert") != 0)) {
        exit_code = cli_fail(self, EXIT_USAGE, "say what to do: show, or convert FILE");
        goto out;
    }
    paths = arena_array(arena, const char *, (size_t)argc + cli_count(args, "config"));
    wanted = (struct settings_options){
        .paths = paths,
        .n_paths = collect_paths(args, paths),
        .is_search = true,
        .is_strict = cli_has(args, "strict-config"),
        .is_draft = strcmp(what, "convert") == 0,
    };
    if (wanted.is_draft && wanted.n_paths == 0)
        exit_code = cli_fail(self, EXIT_USAGE, "name the file to convert, for example kayenta.yml");
    else if (settings_load_with(&wanted, &settings, &err))
        exit_code = cli_fail_with(self, &err);
    else if (wanted.is_draft)
        exit_code = convert(self, settings, paths, wanted.n_paths);
    else
        exit_code = show(self, args, settings);
out:
    settings_free(settings);
    arena_free(arena);
    return exit_code;
}

const struct cli_command command_config = {
    .name = "config",
    .summary = "show the settings in effect; turn a kayenta.yml into a native file",
    .examples = "  serinus config show\n"
                "  serinus config show --origin -c kayenta.yml\n"
                "  serinus config convert kayenta.yml > serinus.yml\n",
    .options = options,
    .run = cmd_config,
};
