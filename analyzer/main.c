/* Start-up order matters: library-wide switches first, before any thread. */
#include "analyzer/cli.h"
#include "base/version.h"

#include <curl/curl.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_version.h>
#include <jansson.h>
#include <locale.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include <microhttpd.h>

static const struct cli_command *const commands[] = {
    &command_serve,  &command_run,      &command_fetch,    &command_validate, &command_check_config,
    &command_replay, &command_judge,    &command_stats,    &command_collect,  &command_config,
    &command_store,  &command_accounts, &command_backtest, &command_plan,
};

static void print_overview(FILE *out)
{
    fputs(
        "Serinus decides whether a new release is safe: it compares the metrics of a canary with\n"
        "those of a baseline and answers pass, marginal or fail.\n\n"
        "usage: serinus COMMAND [OPTION...]\n\n",
        out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    fputs("  version      print the version and those of the libraries\n"
          "\nserinus help COMMAND shows examples and options.\n",
          out);
}

static const struct cli_command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *near = NULL;
    size_t best = 3;

    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        size_t d = cli_distance(name, commands[i]->name);

        if (d < best) {
            best = d;
            near = commands[i]->name;
        }
    }
    fprintf(stderr, "serinus: unknown command \"%.40s\"", name);
    if (near)
        fprintf(stderr, "; did you mean \"%s\"?\n", near);
    else
        fputs("; serinus help lists them\n", stderr);
    return EXIT_USAGE;
}

static int print_version(void)
{
    printf("serinus %s\nlibmicrohttpd %s\nlibcurl %s\njansson %s\nGSL %s\nSQLite %s\nlibyaml %s\n",
           SERINUS_VERSION, MHD_get_version(), curl_version_info(CURLVERSION_NOW)->version,
           JANSSON_VERSION, gsl_version, sqlite3_libversion(), yaml_get_version_string());
    return fflush(stdout) == 0 ? EXIT_PASS : EXIT_IO;
}

static int help(int argc, char **argv)
{
    static char flag[] = "--help";
    char *help_argv[] = {argc > 2 ? argv[2] : NULL, flag, NULL};
    const struct cli_command *command;

    if (argc < 3) {
        print_overview(stdout);
        return EXIT_PASS;
    }
    command = command_find(argv[2]);
    return command ? command->run(command, 2, help_argv) : unknown_command(argv[2]);
}

int main(int argc, char **argv)
{
    const struct cli_command *command;
    int exit_code;

    gsl_set_error_handler_off();
    json_object_seed(0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    setlocale(LC_CTYPE, ""); /* only to know whether the terminal takes UTF-8; numbers stay "C" */
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "--help") == 0)
        return help(argc, argv);
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0)
        return print_version();
    command = command_find(argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fputs("serinus: could not initialise libcurl\n", stderr);
        return EXIT_BUG;
    }
    exit_code = command->run(command, argc - 1, argv + 1);
    curl_global_cleanup();
    return exit_code;
}
