#include "collectors/fetch_cache.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define N_SLOTS 1024u

/* --- keys --- */

/* Each with its size before it, so that no two lists of texts give the same bytes. */
static void add(EVP_MD_CTX *digest, const void *bytes, size_t n_bytes)
{
    uint64_t size = n_bytes;

    if (EVP_DigestUpdate(digest, &size, sizeof(size)) != 1 ||
        (n_bytes && EVP_DigestUpdate(digest, bytes, n_bytes) != 1))
        abort(); /* out of memory, as everywhere */
}

static void add_text(EVP_MD_CTX *digest, const char *text)
{
    add(digest, text, strlen(text));
}

void fetch_key_make(const struct account *account, const struct http_request *request,
                    int64_t window_end_unix_ms, struct fetch_key *out)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();

    if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
        abort(); /* out of memory, as everywhere */
    add_text(digest, account->name);
    add_text(digest, account->base_url);
    add(digest, &window_end_unix_ms, sizeof(window_end_unix_ms));
    add_text(digest, request->method);
    add_text(digest, request->url);
    for (size_t i = 0; i < request->n_headers; i++) {
        add_text(digest, request->headers[i].name);
        add_text(digest, request->headers[i].value);
    }
    add(digest, request->body, request->body ? request->n_body_bytes : 0);
    if (EVP_DigestFinal_ex(digest, out->bytes, NULL) != 1)
        abort();
    EVP_MD_CTX_free(digest);
}

bool fetch_key_equal(const struct fetch_key *a, const struct fetch_key *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

size_t fetch_key_slot(const struct fetch_key *key, size_t n_slots)
{
    uint64_t number;

    memcpy(&number, key->bytes, sizeof(number));
    return (size_t)(number % n_slots);
}

/* --- replies --- */

struct fetch_reply *fetch_reply_create(const struct http_response *response)
{
    struct fetch_reply *reply = mem_alloc(1, sizeof(*reply));

    atomic_init(&reply->n_refs, 1);
    reply->response = *response;
    return reply;
}

struct fetch_reply *fetch_reply_hold(struct fetch_reply *reply)
{
    atomic_fetch_add(&reply->n_refs, 1);
    return reply;
}

void fetch_reply_release(struct fetch_reply *reply)
{
    if (!reply || atomic_fetch_sub(&reply->n_refs, 1) != 1)
        return;
    free(reply->response.headers);
    free((char *)(uintptr_t)reply->response.body);
    free(reply);
}

/* --- those that are kept --- */

struct entry {
    LIST_ENTRY(entry) slot_link;
    TAILQ_ENTRY(entry) use_link;
    struct fetch_reply *reply;
    size_t n_bytes;
    int64_t end_mono_ms;
};

struct fetch_cache {
    size_t max_bytes, max_reply_bytes;
    int64_t life_ms;
    pthread_mutex_t lock; /* guards all below */
    LIST_HEAD(, entry) slots[N_SLOTS];
    TAILQ_HEAD(, entry) entries; /* the one used last at the end */
    size_t n_bytes;
};

struct fetch_cache *fetch_cache_create(size_t max_bytes, size_t max_reply_bytes, int64_t life_ms)
{
    struct fetch_cache *cache = mem_alloc(1, sizeof(*cache));

    cache->max_bytes = max_bytes;
    cache->max_reply_bytes = max_reply_bytes;
    cache->life_ms = life_ms;
    pthread_mutex_init(&cache->lock, NULL);
    TAILQ_INIT(&cache->entries);
    return cache;
}

static void entry_free(struct fetch_cache *cache, struct entry *entry)
{
    LIST_REMOVE(entry, slot_link);
    TAILQ_REMOVE(&cache->entries, entry, use_link);
    cache->n_bytes -= entry->n_bytes;
    fetch_reply_release(entry->reply);
    free(entry);
}

void fetch_cache_free(struct fetch_cache *cache)
{
    struct entry *entry;

    if (!cache)
        return;
    while ((entry = TAILQ_FIRST(&cache->entries)))
        entry_free(cache, entry);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* One whose time is over is freed. */
static struct entry *find(struct fetch_cache *cache, const struct fetch_key *key,
                          int64_t now_mono_ms)
{
    struct entry *entry;

    LIST_FOREACH(entry, &cache->slots[fetch_key_slot(key, N_SLOTS)], slot_link)
    if (fetch_key_equal(&entry->reply->key, key))
        break;
    if (entry && now_mono_ms >= entry->end_mono_ms) {
        entry_free(cache, entry);
        return NULL;
    }
    return entry;
}

static size_t bytes_of(const struct fetch_reply *reply)
{
    size_t n = sizeof(struct entry) + sizeof(*reply) + reply->response.n_body_bytes + 1;

    for (size_t i = 0; i < reply->response.n_headers; i++)
        n += sizeof(reply->response.headers[i]) + strlen(reply->response.headers[i].name) +
             strlen(reply->response.headers[i].value) + 2;
    return n;
}

void fetch_cache_put(struct fetch_cache *cache, struct fetch_reply *reply, int64_t now_mono_ms)
{
    size_t n_bytes = bytes_of(reply);
    struct entry *entry;

    if (n_bytes > cache->max_reply_bytes)
        return;
    pthread_mutex_lock(&cache->lock);
    entry = find(cache, &reply->key, now_mono_ms);
    if (entry && entry->reply == reply) /* it came from here; its time is not begun anew */
        goto out;
    if (entry)
        entry_free(cache, entry);
    while (cache->n_bytes + n_bytes > cache->max_bytes)
        entry_free(cache, TAILQ_FIRST(&cache->entries));
    entry = mem_alloc(1, sizeof(*entry));
    entry->reply = fetch_reply_hold(reply);
    entry->n_bytes = n_bytes;
    entry->end_mono_ms = now_mono_ms + cache->life_ms;
    LIST_INSERT_HEAD(&cache->slots[fetch_key_slot(&reply->key, N_SLOTS)], entry, slot_link);
    TAILQ_INSERT_TAIL(&cache->entries, entry, use_link);
    cache->n_bytes += n_bytes;
out:
    pthread_mutex_unlock(&cache->lock);
}

struct fetch_reply *fetch_cache_find(struct fetch_cache *cache, const struct fetch_key *key,
                                     int64_t now_mono_ms)
{
    struct fetch_reply *reply = NULL;
    struct entry *entry;

    pthread_mutex_lock(&cache->lock);
    entry = find(cache, key, now_mono_ms);
    if (entry) {
        TAILQ_REMOVE(&cache->entries, entry, use_link);
        TAILQ_INSERT_TAIL(&cache->entries, entry, use_link);
        reply = fetch_reply_hold(entry->reply);
    }
    pthread_mutex_unlock(&cache->lock);
    return reply;
}

size_t fetch_cache_bytes(struct fetch_cache *cache)
{
    size_t n_bytes;

    pthread_mutex_lock(&cache->lock);
    n_bytes = cache->n_bytes;
    pthread_mutex_unlock(&cache->lock);
    return n_bytes;
}
