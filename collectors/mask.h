/* collectors/mask.h -- taking credentials out of a text, however they are written in it: as they
 * are, percent-encoded, escaped as in JSON or HTML, or anywhere inside Base64. */
#ifndef COLLECTORS_MASK_H
#define COLLECTORS_MASK_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>

#define MASK "***"
#define MASK_MIN_BYTES 4u /* a shorter credential would blank out half of every message */

struct needle;

/* Zeroed but for the arena, which must outlive it; `items` lives there. */
struct mask {
    struct arena *arena;
    struct needle *items;
    size_t n_items, capacity;
    bool may_start[256]; /* a needle, or one of its encodings, may begin with this byte */
};

/* One more text that must not be seen; NULL and those below MASK_MIN_BYTES add nothing. Borrowed
 * for as long as the mask is used. */
void mask_add(struct mask *mask, const char *secret);

/* A copy of `text`, in the mask's arena, with MASK in the place of every credential and of the user
 * info of every URL. */
const char *mask_text(const struct mask *mask, const char *text);

/* Put an asterisk in the place of every byte of a credential. */
void mask_hide(const struct mask *mask, char *bytes, size_t n_bytes);

/* Is what goes by this name (a parameter, a variable) likely a credential: api_key, sig,
 * clientSecret? Case, '-' and '_' do not matter. */
bool mask_name_is_secret(const char *name);

#endif
