/* base/arena.h -- memory that is freed all at once.
 *
 * One arena belongs to one owner (an execution, a request, a query) and is used by one thread at
 * a time. Nothing in it may point into a shorter-lived arena. Running out of memory ends the
 * process: sizes that come from outside are checked against base/limits.h first. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/error.h"
#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_create(void);

/* Run the deferred clean-ups, newest first, then free everything. NULL is accepted. */
void arena_free(struct arena *arena);

/* The same, but the newest block of memory is kept for what comes next: for scratch in a loop. */
void arena_reset(struct arena *arena);

/* Zeroed memory for `count` objects of `size` bytes, aligned for any type. Never NULL. */
void *arena_alloc(struct arena *arena, size_t count, size_t size) __attribute__((malloc));
#define arena_new(arena, type) ((type *)arena_alloc((arena), 1, sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_alloc((arena), (count), sizeof(type)))

/* An array with room for one more behind its n_items: itself, or a copy twice as large, whose new
 * size is put into *capacity. Old copies stay in the arena. */
void *arena_grow(struct arena *arena, void *items, size_t n_items, size_t *capacity, size_t size);

char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *bytes, size_t n_bytes);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *arena, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

/* Call release(ptr) when the arena is freed; ties a foreign handle to the arena's life. */
void arena_defer(struct arena *arena, void (*release)(void *ptr), void *ptr);

/* Bytes handed out so far. */
size_t arena_used_bytes(const struct arena *arena);

/* malloc family for heap objects: zeroed, never NULL; out of memory ends the process. */
void *mem_alloc(size_t count, size_t size);
void *mem_realloc(void *ptr, size_t count, size_t size);
char *mem_strdup(const char *text);

#endif
