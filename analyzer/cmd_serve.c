/* serinus serve: the service. Start: settings, log, analyzer (store, recovery, workers), HTTP
 * server. Stop: the same backwards, once what is in hand has been answered. */
#include "analyzer/analyzer.h"
#include "analyzer/cli.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/version.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DRAIN_MS 10000
#define MALLOC_ARENAS 2          /* one per thread would multiply idle memory */
#define MALLOC_KEEP_BYTES 131072 /* freed memory beyond this goes back to the system */
#define WANTED_FDS 4096u         /* connections, fetches, the store, and some air */
#define MAX_WORKERS 1024u

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "settings, a native YAML file or a kayenta.yml; may repeat"},
    {"strict-config", 0, NULL, "refuse unknown keys, stores without support and open secrets"},
    {"listen", 0, "ADDR:PORT", "where to listen; port 0 picks a free one"},
    {"data-dir", 0, "DIR", "where the result store is kept"},
    {"store", 0, "URL", "the same as a URL: sqlite:/var/lib/serinus/serinus.db"},
    {"external-url", 0, "URL", "where people reach this service, for links to it"},
    {"workers", 0, "N", "threads that judge"},
    {"log-level", 0, "LEVEL", "error, warn, info or debug"},
    {"check", 0, NULL, "read the settings, say what is wrong with them, and exit"},
    {0},
};

/* --- settings --- */

static enum err_code load_settings(const struct cli_args *args, struct arena *arena,
                                   struct settings **out, struct error *err)
{
    size_t n_paths = cli_count(args, "config");
    const char **paths = arena_array(arena, const char *, n_paths);
    const struct settings_override overrides[] = {
        {"store.url", cli_value(args, "store"), "--store"},
        {"http.external_url", cli_value(args, "external-url"), "--external-url"},
    };
    const struct settings_options wanted = {
        .paths = paths,
        .n_paths = n_paths,
        .overrides = overrides,
        .n_overrides = ARRAY_LEN(overrides),
        .is_search = true,
        .is_strict = cli_has(args, "strict-config"),
    };

    for (size_t i = 0; i < n_paths; i++)
        paths[i] = cli_value_at(args, "config", i);
    return settings_load_with(&wanted, out, err);
}

static bool number_in(const char *text, unsigned long min, unsigned long max, unsigned long *out)
{
    size_t n_digits = strspn(text, "0123456789");

    if (n_digits == 0 || n_digits > 9 || text[n_digits] != '\0')
        return false;
    *out = strtoul(text, NULL, 10);
    return *out >= min && *out <= max;
}

/* "127.0.0.1:8090", "[::1]:8090", "localhost:0" */
static bool take_listen(const char *text, struct settings *settings)
{
    const char *colon = strrchr(text, ':');
    size_t n_bytes = colon ? (size_t)(colon - text) : 0;
    unsigned long port;

    if (n_bytes == 0 || !number_in(colon + 1, 0, UINT16_MAX, &port))
        return false;
    if (text[0] == '[' && text[n_bytes - 1] == ']') {
        text++;
        n_bytes -= 2;
    } else if (memchr(text, ':', n_bytes)) {
        return false; /* IPv6 needs its brackets */
    }
    settings->listen_host = arena_strndup(settings->arena, text, n_bytes);
    settings->listen_port = (uint16_t)port;
    return true;
}

static bool take_log_level(const char *text, struct settings *settings)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            settings->log_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Flags outrank the files. 0, or an exit code. */
static int take_flags(const struct cli_command *self, const struct cli_args *args,
                      struct settings *settings)
{
    const char *listen = cli_value(args, "listen"), *level = cli_value(args, "log-level"),
               *workers = cli_value(args, "workers"), *data_dir = cli_value(args, "data-dir");
    unsigned long n_workers;

    if (listen && !take_listen(listen, settings))
        return cli_fail(
            self, EXIT_USAGE,
            "--listen \"%s\" is not ADDR:PORT, for example 127.0.0.1:8090 or [::1]:8090", listen);
    if (level && !take_log_level(level, settings))
        return cli_fail(self, EXIT_USAGE,
                        "--log-level \"%s\" is not one of error, warn, info, debug", level);
    if (workers) {
        if (!number_in(workers, 1, MAX_WORKERS, &n_workers))
            return cli_fail(self, EXIT_USAGE, "--workers \"%s\" is not a number from 1 to %u",
                            workers, MAX_WORKERS);
        settings->workers = (unsigned)n_workers;
    }
    if (data_dir)
        settings->data_dir = arena_strdup(settings->arena, data_dir);
    return 0;
}

static const char *account_state(const struct settings_account *account)
{
    if (account->metrics)
        return "ready";
    return account->roles & ROLE_METRICS ? "unsupported" : "result store";
}

static void log_settings(const struct settings *settings, struct log *log)
{
    for (size_t i = 0; i < settings->n_notices; i++)
        log_info(log, "setting noted", LOG_STR("notice", settings->notices[i]));
    for (size_t i = 0; i < settings->n_warnings; i++)
        log_warn(log, "setting doubted", LOG_STR("warning", settings->warnings[i]));
    for (size_t i = 0; i < settings->n_accounts; i++)
        log_info(log, "account configured", LOG_STR("account", settings->accounts[i].name),
                 LOG_STR("type", settings->accounts[i].type),
                 LOG_STR("state", account_state(&settings->accounts[i])));
}

/* --- the process --- */

static void limit_memory(void)
{
    mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    mallopt(M_TRIM_THRESHOLD, MALLOC_KEEP_BYTES);
    mallopt(M_MMAP_THRESHOLD, MALLOC_KEEP_BYTES);
}

static void harden(void)
{
    const struct rlimit no_core = {0};
    struct rlimit fds;

    setrlimit(RLIMIT_CORE, &no_core); /* memory holds credentials */
    if (!HAS_SANITIZER)               /* the leak checker has to trace its own process */
        prctl(PR_SET_DUMPABLE, 0);
    if (getrlimit(RLIMIT_NOFILE, &fds) == 0 && fds.rlim_cur < WANTED_FDS) {
        fds.rlim_cur = fds.rlim_max < WANTED_FDS ? fds.rlim_max : WANTED_FDS;
        setrlimit(RLIMIT_NOFILE, &fds);
    }
}

/* Tell systemd, when it is there (sd_notify(3)). */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (!path || strlen(path) >= sizeof(address.sun_path) || (*path != '/' && *path != '@'))
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
    close(fd);
}

static void exit_at_once(int signal_number)
{
    _exit(EXIT_BY_SIGNAL + signal_number);
}

static void stop_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
}

/* From now on a second signal ends the process where it stands. */
static void let_signals_kill(sigset_t *set)
{
    const struct sigaction action = {.sa_handler = exit_at_once};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

/* Block until told to stop, or until the analyzer cannot go on: then 0, and why. */
static int wait_for_the_end(struct analyzer *analyzer, struct error *err)
{
    const struct timespec look = {.tv_sec = 1};
    int signal_number;
    sigset_t set;

    stop_signals(&set);
    do
        signal_number = sigtimedwait(&set, NULL, &look);
    while (signal_number < 0 && analyzer_failure(analyzer, err) == ERR_OK);
    let_signals_kill(&set);
    return signal_number < 0 ? 0 : signal_number;
}

static int serve(const struct cli_command *self, const struct settings *settings, struct log *log)
{
    const struct server_options server_options = {
        .listen_host = settings->listen_host,
        .listen_port = settings->listen_port,
        .deadlines = connection_deadlines_default,
    };
    struct analyzer *analyzer = NULL;
    struct server *server = NULL;
    struct error err = {0};
    int64_t started_ms = clock_mono_ms();
    sigset_t set;
    int signal_number;

    stop_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread, so that none of them gets them */
    log_settings(settings, log);
    if (analyzer_create(settings, log, &analyzer, &err) ||
        server_start(&server_options, analyzer, settings, log, &server, &err)) {
        analyzer_free(analyzer);
        return cli_fail_with(self, &err);
    }
    log_info(log, "serving", LOG_STR("url", server_url(server)),
             LOG_I64("port", server_port(server)), LOG_STR("version", SERINUS_VERSION),
             LOG_I64("start_ms", clock_mono_ms() - started_ms));
    notify("READY=1");

    signal_number = wait_for_the_end(analyzer, &err);
    if (signal_number)
        log_info(log, "stopping", LOG_STR("signal", signal_number == SIGINT ? "INT" : "TERM"));
    else
        log_error(log, "stopping", LOG_STR("error", err.message));
    notify("STOPPING=1");
    server_drain(server);
    analyzer_drain(analyzer);
    if (!server_stop(server, DRAIN_MS)) {
        /* Handlers still use the analyzer. What was accepted is durable, so leaving them is safe.
         */
        log_warn(log, "stopped with requests in hand", LOG_I64("waited_ms", DRAIN_MS));
        analyzer_leave(analyzer);
        _exit(err.code ? cli_fail_with(self, &err) : EXIT_PASS);
    }
    server_free(server);
    analyzer_free(analyzer);
    log_info(log, "stopped");
    return err.code ? cli_fail_with(self, &err) : EXIT_PASS;
}

static int cmd_serve(const struct cli_command *self, int argc, char **argv)
{
    struct arena *arena = arena_create();
    struct settings *settings = NULL;
    struct error err = {0};
    struct log *log = NULL;
    const struct cli_args *args;
    int exit_code;

    limit_memory();
    args = cli_parse(self, argc, argv, arena, &exit_code);
    if (!args)
        goto out;
    if (cli_n_positionals(args)) {
        exit_code =
            cli_fail(self, EXIT_USAGE, "unexpected argument \"%s\"", cli_positional(args, 0));
        goto out;
    }
    if (load_settings(args, arena, &settings, &err)) {
        exit_code = cli_fail_with(self, &err);
        goto out;
    }
    settings_wipe_environment(settings);
    exit_code = take_flags(self, args, settings);
    if (exit_code)
        goto out;
    if (settings_listen_check(settings, &err)) {
        exit_code = cli_fail_with(self, &err);
        goto out;
    }
    log = log_create(settings->log_level);
    if (cli_has(args, "check")) {
        log_settings(settings, log);
        goto out;
    }
    harden();
    exit_code = serve(self, settings, log);
out:
    log_free(log);
    settings_free(settings);
    arena_free(arena);
    return exit_code;
}

const struct cli_command command_serve = {
    .name = "serve",
    .summary = "answer the canary API over HTTP",
    .examples = "  serinus serve\n"
                "  serinus serve --config /etc/serinus/serinus.yml\n"
                "  serinus serve --config kayenta.yml --listen 127.0.0.1:8090 --data-dir ./data\n"
                "  serinus serve --config serinus.yml --check\n",
    .options = options,
    .run = cmd_serve,
};
