/* Blocks are chained; each new block is at least as large as all before it together (up to a cap),
 * so a small request costs one malloc and a large one a handful. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_FIRST_BLOCK_BYTES 2048u        /* most API requests fit */
#define ARENA_FIRST_ITEMS 4u                 /* of an array that grows */
#define ARENA_MAX_BLOCK_BYTES (256u * 1024u) /* larger objects get a block of their own */

struct block {
    struct block *next;
    size_t used_bytes, size_bytes;
    alignas(max_align_t) unsigned char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*release)(void *ptr);
    void *ptr;
};

struct arena {
    struct block *blocks;
    struct deferred *deferred;
    size_t used_bytes;
};

static void *must(void *ptr)
{
    if (!ptr) {
        fputs("{\"level\":\"error\",\"event\":\"out of memory\"}\n", stderr);
        abort();
    }
    return ptr;
}

void *mem_alloc(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1));
}

void *mem_realloc(void *ptr, size_t count, size_t size)
{
    return must(reallocarray(ptr, count ? count : 1, size ? size : 1));
}

char *mem_strdup(const char *text)
{
    return must(strdup(text));
}

struct arena *arena_create(void)
{
    return mem_alloc(1, sizeof(struct arena));
}

static void release_deferred(struct arena *arena)
{
    for (struct deferred *d = arena->deferred; d; d = d->next)
        d->release(d->ptr);
    arena->deferred = NULL;
}

static void blocks_free(struct block *block)
{
    for (struct block *next; block; block = next) {
        next = block->next;
        free(block);
    }
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    release_deferred(arena);
    blocks_free(arena->blocks);
    free(arena);
}

void arena_reset(struct arena *arena)
{
    release_deferred(arena);
    if (arena->blocks) {
        blocks_free(arena->blocks->next);
        arena->blocks->next = NULL;
        arena->blocks->used_bytes = 0;
    }
    arena->used_bytes = 0;
}

static struct block *block_add(struct arena *arena, size_t need_bytes)
{
    size_t size = arena->blocks ? arena->blocks->size_bytes * 2 : ARENA_FIRST_BLOCK_BYTES;
    struct block *block;
    bool own = need_bytes > ARENA_MAX_BLOCK_BYTES / 4;

    if (size > ARENA_MAX_BLOCK_BYTES)
        size = ARENA_MAX_BLOCK_BYTES;
    if (own || size < need_bytes)
        size = need_bytes;
    block = must(malloc(sizeof(*block) + size));
    block->size_bytes = size;
    block->used_bytes = 0;
    if (own && arena->blocks) { /* keep filling the block we had */
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    struct block *block = arena->blocks;
    size_t bytes;
    void *ptr;

    if (__builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(bytes, alignof(max_align_t) - 1, &bytes))
        must(NULL);
    bytes &= ~(alignof(max_align_t) - 1);
    if (!block || block->size_bytes - block->used_bytes < bytes)
        block = block_add(arena, bytes);
    ptr = block->bytes + block->used_bytes;
    block->used_bytes += bytes;
    arena->used_bytes += bytes;
    return memset(ptr, 0, bytes);
}

void *arena_grow(struct arena *arena, void *items, size_t n_items, size_t *capacity, size_t size)
{
    void *larger;

    if (n_items < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : ARENA_FIRST_ITEMS;
    larger = arena_alloc(arena, *capacity, size);
    if (n_items)
        memcpy(larger, items, n_items * size);
    return larger;
}

char *arena_strndup(struct arena *arena, const char *bytes, size_t n_bytes)
{
    char *copy = arena_alloc(arena, n_bytes + 1, 1);

    if (n_bytes)
        memcpy(copy, bytes, n_bytes);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
{
    va_list again;
    int n;
    char *text;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        must(NULL);
    text = arena_alloc(arena, (size_t)n + 1, 1);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

void arena_defer(struct arena *arena, void (*release)(void *ptr), void *ptr)
{
    struct deferred *d = arena_new(arena, struct deferred);

    d->release = release;
    d->ptr = ptr;
    d->next = arena->deferred;
    arena->deferred = d;
}

size_t arena_used_bytes(const struct arena *arena)
{
    return arena->used_bytes;
}
