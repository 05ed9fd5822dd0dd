/* collectors/fetch_cache.h -- replies that several may hold, and those kept for who asks the same
 * again. Part of the fetch engine; all of it may be used on any thread. */
#ifndef COLLECTORS_FETCH_CACHE_H
#define COLLECTORS_FETCH_CACHE_H

#include "collectors/account.h"
#include "collectors/http_message.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* What makes two queries the same: SHA-256 over the account's name and URL, all of the request
 * (credentials and tenants are among its headers) and the end of its window. */
struct fetch_key {
    unsigned char bytes[32];
};

void fetch_key_make(const struct account *account, const struct http_request *request,
                    int64_t window_end_unix_ms, struct fetch_key *out);
bool fetch_key_equal(const struct fetch_key *a, const struct fetch_key *b);
size_t fetch_key_slot(const struct fetch_key *key, size_t n_slots); /* of a hash table */

/* Read-only once made, but for the count of those who hold it. */
struct fetch_reply {
    atomic_uint n_refs;
    struct http_response response; /* headers and body are one block each */
    struct fetch_key key;
    int64_t sent_unix_ms; /* its request; 0: not to be kept */
};

/* With one reference; `response` is taken. */
struct fetch_reply *fetch_reply_create(const struct http_response *response);
struct fetch_reply *fetch_reply_hold(struct fetch_reply *reply);
void fetch_reply_release(struct fetch_reply *reply); /* NULL is accepted */

/* At most max_bytes of replies, each for life_ms; the one not used for longest goes first. */
struct fetch_cache;

struct fetch_cache *fetch_cache_create(size_t max_bytes, size_t max_reply_bytes, int64_t life_ms);
void fetch_cache_free(struct fetch_cache *cache); /* NULL is accepted */

/* Keep the reply under its key, in place of an older one; one that is too large is not kept. */
void fetch_cache_put(struct fetch_cache *cache, struct fetch_reply *reply, int64_t now_mono_ms);

/* A reference to be released, or NULL. */
struct fetch_reply *fetch_cache_find(struct fetch_cache *cache, const struct fetch_key *key,
                                     int64_t now_mono_ms);

size_t fetch_cache_bytes(struct fetch_cache *cache);

#endif
