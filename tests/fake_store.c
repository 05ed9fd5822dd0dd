#include "tests/fake_store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_KEPT_REQUESTS 64u
#define MAX_CONNECTIONS 256u

struct connection {
    struct fake_store *store;
    int fd;
    SSL *ssl;
    pthread_t thread;
    char buffer[65536];
    size_t n_bytes;
};

struct fake_store {
    const struct fake_reply *script;
    size_t n_replies;
    int fd, port;
    char url[64], ca_file[64];
    SSL_CTX *tls;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    bool is_stopping;
    struct connection *connections[MAX_CONNECTIONS];
    size_t n_connections, n_requests, n_now, max_now;
    struct fake_request requests[MAX_KEPT_REQUESTS];
};

static void fail(const char *what)
{
    fprintf(stderr, "fake store: %s: %s\n", what, strerror(errno));
    abort();
}

static int64_t mono_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(int ms)
{
    const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

static bool is_stopping(struct fake_store *store)
{
    bool answer;

    pthread_mutex_lock(&store->lock);
    answer = store->is_stopping;
    pthread_mutex_unlock(&store->lock);
    return answer;
}

/* --- one connection --- */

static ssize_t receive(struct connection *c, void *bytes, size_t n)
{
    return c->ssl ? SSL_read(c->ssl, bytes, (int)n) : read(c->fd, bytes, n);
}

static bool send_all(struct connection *c, const char *bytes, size_t n)
{
    while (n) {
        ssize_t sent = c->ssl ? SSL_write(c->ssl, bytes, (int)(n > 16384 ? 16384 : n))
                              : send(c->fd, bytes, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Read until the buffer holds a whole request. Returns its size, 0 when there is none. */
static size_t read_request(struct connection *c)
{
    for (;;) {
        char *end;
        ssize_t n;

        c->buffer[c->n_bytes] = '\0';
        end = strstr(c->buffer, "\r\n\r\n");
        if (end) {
            const char *length = strcasestr(c->buffer, "\r\ncontent-length:");
            size_t n_body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
            size_t need = (size_t)(end - c->buffer) + 4 + n_body;

            if (c->n_bytes >= need)
                return need;
        }
        n = receive(c, c->buffer + c->n_bytes, sizeof(c->buffer) - 1 - c->n_bytes);
        if (n <= 0)
            return 0;
        c->n_bytes += (size_t)n;
    }
}

static void copy(char *to, size_t size, const char *from, size_t n)
{
    snprintf(to, size, "%.*s", (int)n, from);
}

/* Keep what was asked, and find out how to answer. */
static const struct fake_reply *note_request(struct connection *c, size_t n_bytes)
{
    struct fake_store *store = c->store;
    const char *space = strchr(c->buffer, ' ');
    const char *line_end = strstr(c->buffer, "\r\n");
    const char *head_end = strstr(c->buffer, "\r\n\r\n") + 4;
    size_t i;

    pthread_mutex_lock(&store->lock);
    i = store->n_requests++;
    if (++store->n_now > store->max_now)
        store->max_now = store->n_now;
    if (i < MAX_KEPT_REQUESTS && space) {
        struct fake_request *request = &store->requests[i];

        copy(request->method, sizeof(request->method), c->buffer, (size_t)(space - c->buffer));
        copy(request->target, sizeof(request->target), space + 1, strcspn(space + 1, " "));
        copy(request->headers, sizeof(request->headers), line_end + 2,
             (size_t)(head_end - line_end) - 2);
        copy(request->body, sizeof(request->body), head_end,
             n_bytes - (size_t)(head_end - c->buffer));
        request->mono_ms = mono_ms();
    }
    pthread_mutex_unlock(&store->lock);
    memmove(c->buffer, c->buffer + n_bytes, c->n_bytes - n_bytes);
    c->n_bytes -= n_bytes;
    return &store->script[i < store->n_replies ? i : store->n_replies - 1];
}

static bool send_body(struct connection *c, const struct fake_reply *reply, size_t n)
{
    for (size_t at = 0; reply->drip_ms && at < n; at++) {
        if (is_stopping(c->store) || !send_all(c, reply->body + at, 1))
            return false;
        sleep_ms(reply->drip_ms);
    }
    return reply->drip_ms || send_all(c, reply->body, n);
}

static bool answer(struct connection *c, const struct fake_reply *reply)
{
    size_t n = reply->n_body_bytes ? reply->n_body_bytes : reply->body ? strlen(reply->body) : 0;
    size_t n_times = reply->n_times ? reply->n_times : 1;
    char head[4096];
    int n_head;

    if (reply->delay_ms)
        sleep_ms(reply->delay_ms);
    if (reply->manner == FAKE_DROP)
        return false;
    if (reply->manner == FAKE_GARBAGE) {
        send_all(c, reply->body, n);
        return false;
    }
    if (reply->manner == FAKE_SILENT) {
        while (!is_stopping(c->store)) {
            struct pollfd gone = {.fd = c->fd, .events = POLLRDHUP};

            if (poll(&gone, 1, 20) > 0)
                return false;
        }
        return false;
    }
    n_head = snprintf(head, sizeof(head), "HTTP/1.1 %d Whatever\r\n%sContent-Length: %zu\r\n\r\n",
                      reply->status ? reply->status : 200, reply->headers ? reply->headers : "",
                      n * n_times);
    if (n_head < 0 || (size_t)n_head >= sizeof(head))
        fail("the headers are too long");
    if (!n_times || !n || reply->drip_ms || n > sizeof(head) - (size_t)n_head) {
        if (!send_all(c, head, (size_t)n_head))
            return false;
    } else if (n_times == 1 && reply->manner == FAKE_REPLY) { /* one packet */
        memcpy(head + n_head, reply->body, n);
        return send_all(c, head, (size_t)n_head + n);
    } else if (!send_all(c, head, (size_t)n_head)) {
        return false;
    }
    if (reply->manner == FAKE_CUT) {
        send_all(c, reply->body, n / 2);
        return false;
    }
    for (size_t i = 0; n && i < n_times; i++)
        if (!send_body(c, reply, n))
            return false;
    return true;
}

static void *serve(void *arg)
{
    struct connection *c = arg;
    size_t n;

    if (c->ssl && SSL_accept(c->ssl) != 1)
        goto out;
    while ((n = read_request(c))) {
        bool is_alive = answer(c, note_request(c, n));

        pthread_mutex_lock(&c->store->lock);
        c->store->n_now--;
        pthread_mutex_unlock(&c->store->lock);
        if (!is_alive)
            break;
    }
out:
    shutdown(c->fd, SHUT_RDWR); /* closed by fake_store_free(), so that no number is used twice */
    return NULL;
}

static void add_connection(struct fake_store *store, int fd)
{
    struct connection *c = calloc(1, sizeof(*c));
    int one = 1;

    if (!c)
        fail("calloc");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->store = store;
    c->fd = fd;
    if (store->tls) {
        c->ssl = SSL_new(store->tls);
        SSL_set_fd(c->ssl, fd);
    }
    pthread_mutex_lock(&store->lock);
    if (store->n_connections == MAX_CONNECTIONS)
        fail("too many connections");
    store->connections[store->n_connections++] = c;
    if (pthread_create(&c->thread, NULL, serve, c))
        fail("pthread_create");
    pthread_mutex_unlock(&store->lock);
}

static void *accept_all(void *arg)
{
    struct fake_store *store = arg;
    int fd;

    while ((fd = accept(store->fd, NULL, NULL)) >= 0)
        add_connection(store, fd);
    return NULL;
}

/* --- the store --- */

static struct fake_store *store_new(const struct fake_reply *script, size_t n_replies)
{
    struct fake_store *store = calloc(1, sizeof(*store));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);

    if (!store)
        fail("calloc");
    signal(SIGPIPE, SIG_IGN);
    store->script = script;
    store->n_replies = n_replies;
    pthread_mutex_init(&store->lock, NULL);
    store->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (store->fd < 0 || bind(store->fd, (struct sockaddr *)&address, n) != 0 ||
        listen(store->fd, 128) != 0 || getsockname(store->fd, (struct sockaddr *)&address, &n) != 0)
        fail("socket");
    store->port = ntohs(address.sin_port);
    return store;
}

static struct fake_store *store_start(struct fake_store *store)
{
    snprintf(store->url, sizeof(store->url), "%s://127.0.0.1:%d", store->tls ? "https" : "http",
             store->port);
    if (pthread_create(&store->thread, NULL, accept_all, store))
        fail("pthread_create");
    return store;
}

struct fake_store *fake_store_create(const struct fake_reply *script, size_t n_replies)
{
    return store_start(store_new(script, n_replies));
}

static void add_names(X509 *certificate)
{
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");

    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
}

struct fake_store *fake_store_create_tls(const struct fake_reply *script, size_t n_replies,
                                         long valid_from_s, long valid_to_s)
{
    struct fake_store *store = store_new(script, n_replies);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    int fd;
    FILE *file;

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), valid_from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_to_s);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    add_names(certificate);
    X509_sign(certificate, key, EVP_sha256());
    store->tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(store->tls, certificate);
    SSL_CTX_use_PrivateKey(store->tls, key);
    snprintf(store->ca_file, sizeof(store->ca_file), "/tmp/fake-store-XXXXXX");
    fd = mkstemp(store->ca_file);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file || !PEM_write_X509(file, certificate))
        fail("certificate");
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return store_start(store);
}

void fake_store_free(struct fake_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->is_stopping = true;
    pthread_mutex_unlock(&store->lock);
    shutdown(store->fd, SHUT_RDWR); /* ends accept() */
    pthread_join(store->thread, NULL);
    close(store->fd);
    for (size_t i = 0; i < store->n_connections; i++) {
        struct connection *c = store->connections[i];

        shutdown(c->fd, SHUT_RDWR);
        pthread_join(c->thread, NULL);
        SSL_free(c->ssl);
        close(c->fd);
        free(c);
    }
    if (store->tls) {
        SSL_CTX_free(store->tls);
        unlink(store->ca_file);
    }
    pthread_mutex_destroy(&store->lock);
    free(store);
}

const char *fake_store_url(const struct fake_store *store)
{
    return store->url;
}

int fake_store_port(const struct fake_store *store)
{
    return store->port;
}

const char *fake_store_ca_file(const struct fake_store *store)
{
    return store->ca_file;
}

static size_t locked(struct fake_store *store, const size_t *value)
{
    size_t copy_of;

    pthread_mutex_lock(&store->lock);
    copy_of = *value;
    pthread_mutex_unlock(&store->lock);
    return copy_of;
}

size_t fake_store_n_requests(struct fake_store *store)
{
    return locked(store, &store->n_requests);
}

size_t fake_store_n_connections(struct fake_store *store)
{
    return locked(store, &store->n_connections);
}

size_t fake_store_max_at_once(struct fake_store *store)
{
    return locked(store, &store->max_now);
}

const struct fake_request *fake_store_request(struct fake_store *store, size_t i)
{
    return &store->requests[i];
}
