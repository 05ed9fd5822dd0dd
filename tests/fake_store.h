/* tests/fake_store.h -- a metric store on loopback that does what a script says: replies, delays,
 * drips, cuts, drops; over TLS with a certificate made on the spot. Real sockets, own threads. */
#ifndef TESTS_FAKE_STORE_H
#define TESTS_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_manner {
    FAKE_REPLY = 0,
    FAKE_DROP,    /* close without a byte */
    FAKE_CUT,     /* promise the whole body, send half, close */
    FAKE_GARBAGE, /* send the body and nothing else: not HTTP */
    FAKE_SILENT,  /* say nothing until the store is freed or the client goes away */
};

struct fake_reply {
    enum fake_manner manner;
    int status;          /* 0: 200 */
    const char *headers; /* "Name: value\r\n" lines besides Content-Length, or NULL */
    const char *body;    /* NULL: empty */
    size_t n_body_bytes; /* 0: the body is text */
    size_t n_times;      /* the body is sent that often; 0: once */
    int delay_ms;        /* before the first byte */
    int drip_ms;         /* between bytes of the body; 0: all at once */
};

/* What the i-th request was. */
struct fake_request {
    char method[8];
    char target[8192];
    char headers[8192]; /* as received, status line left out */
    char body[8192];
    int64_t mono_ms; /* when it was complete */
};

struct fake_store;

/* The i-th request gets script[i], those after the last one the last one again. Nothing is copied.
 */
struct fake_store *fake_store_create(const struct fake_reply *script, size_t n_replies);

/* The same over TLS. `valid_from_s` and `valid_to_s` are seconds from now; the certificate is
 * self-signed for localhost (not for 127.0.0.1) and written to fake_store_ca_file(). */
struct fake_store *fake_store_create_tls(const struct fake_reply *script, size_t n_replies,
                                         long valid_from_s, long valid_to_s);

/* Close everything, end the threads. */
void fake_store_free(struct fake_store *store);

const char *fake_store_url(const struct fake_store *store); /* http://127.0.0.1:port */
int fake_store_port(const struct fake_store *store);
const char *fake_store_ca_file(const struct fake_store *store);

size_t fake_store_n_requests(struct fake_store *store);
size_t fake_store_n_connections(struct fake_store *store);
size_t fake_store_max_at_once(struct fake_store *store); /* requests under way */

/* The i-th request, of the first 64. The caller must know that it has come. */
const struct fake_request *fake_store_request(struct fake_store *store, size_t i);

#endif
