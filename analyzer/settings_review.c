/* analyzer/settings_review.c -- which keys are known, and what a mistyped one may have meant. */
#include "analyzer/settings_keys.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_WORD_CHARS 64u
#define MAX_DISTANCE 3u /* of a key that is offered in place of an unknown one */

/* --- comparing --- */

/* How many letters must be put in, left out or changed; dashes, underscores and case do not count.
 */
static size_t distance(const char *a, const char *b)
{
    size_t before[MAX_WORD_CHARS + 1], row[MAX_WORD_CHARS + 1];
    size_t n_a = strlen(a), n_b = strlen(b);

    if (n_a > MAX_WORD_CHARS || n_b > MAX_WORD_CHARS)
        return SIZE_MAX;
    for (size_t k = 0; k <= n_b; k++)
        before[k] = k;
    for (size_t i = 1; i <= n_a; i++) {
        row[0] = i;
        for (size_t k = 1; k <= n_b; k++) {
            size_t change = before[k - 1] +
                            (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[k - 1]));
            size_t least = before[k] < row[k - 1] ? before[k] + 1 : row[k - 1] + 1;

            row[k] = change < least ? change : least;
        }
        memcpy(before, row, sizeof(row));
    }
    return before[n_b];
}

static bool is_near(size_t n, const char *word)
{
    return n <= MAX_DISTANCE && n * 2 <= strlen(word);
}

const char *account_key_nearest(const char *key)
{
    const char *best = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < n_account_keys; i++) {
        size_t n = distance(key, account_keys[i]);

        if (n < least) {
            least = n;
            best = account_keys[i];
        }
    }
    return best && is_near(least, key) ? best : NULL;
}

/* --- reviewing --- */

/* One part of a known path against a key. */
static bool part_matches(const char *part, size_t n_bytes, const char *key)
{
    if (n_bytes == 1 && *part == '*')
        return account_kind_find(key) || setting_key_equal(key, strlen(key), "stackdriver");
    return setting_key_equal(part, n_bytes, key);
}

/* The keys from the root down to a setting. */
struct trail {
    const struct trail *up;
    const struct setting *setting;
};

enum match { MATCH_NONE, MATCH_ABOVE, MATCH_FULL };

/* Is the trail what `path` names (or below its `**`), or on the way there? */
static enum match trail_match(const struct trail *trail, const char **path)
{
    enum match above = trail->up ? trail_match(trail->up, path) : MATCH_ABOVE;
    size_t n_bytes;

    if (above == MATCH_FULL)
        return strcmp(*path, "**") == 0 ? MATCH_FULL : MATCH_NONE;
    if (above == MATCH_NONE)
        return MATCH_NONE;
    n_bytes = strcspn(*path, ".");
    if (!part_matches(*path, n_bytes, trail->setting->key))
        return MATCH_NONE;
    *path += n_bytes + ((*path)[n_bytes] == '.');
    return **path == '\0' || strcmp(*path, "**") == 0 ? MATCH_FULL : MATCH_ABOVE;
}

struct review {
    struct settings_tree *tree;
    struct strbuf foreign;   /* names of sections, comma separated */
    struct strbuf no_effect; /* paths */
};

/* Keep the nearer one of *best and `word`. */
static void offer(const char *key, const char *word, size_t n_bytes, char best[MAX_WORD_CHARS + 1],
                  size_t *least)
{
    char part[MAX_WORD_CHARS + 1] = "";
    size_t n;

    if (n_bytes == 0 || n_bytes > MAX_WORD_CHARS)
        return;
    memcpy(part, word, n_bytes);
    n = distance(key, part);
    if (n < *least && is_near(n, key)) {
        *least = n;
        memcpy(best, part, sizeof(part));
    }
}

/* Does a placeholder name it, or something below it? Then it is the user's own. */
static bool is_used(const struct settings_tree *tree, const struct setting *setting)
{
    size_t n = strlen(setting->path);

    for (size_t i = 0; i < tree->used.n_items; i++)
        if (strncmp(tree->used.items[i], setting->path, n) == 0 &&
            (tree->used.items[i][n] == '\0' || strchr(".[", tree->used.items[i][n])))
            return true;
    return false;
}

static void unknown(struct review *review, const struct trail *trail)
{
    const struct setting *setting = trail->setting;
    char best[MAX_WORD_CHARS + 1] = "";
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < n_known_settings; i++) {
        const char *rest = known_settings[i].path;

        if (trail->up && trail_match(trail->up, &rest) != MATCH_ABOVE)
            continue;
        for (size_t k = 0; *rest == '*' && k < n_account_kinds; k++)
            offer(setting->key, account_kinds[k].section, strlen(account_kinds[k].section), best,
                  &least);
        if (*rest != '*')
            offer(setting->key, rest, strcspn(rest, "."), best, &least);
    }
    settings_warn(review->tree, "%s: the key \"%s\" is not known%s%s%s",
                  setting_origin(setting, review->tree->arena), setting->path,
                  *best ? "; did you mean \"" : "", best, *best ? "\"?" : "");
    settings_drop(review->tree, setting, "the key is not known");
}

/* spinnaker.yml and its variants hold what all of Spinnaker's services share. */
static bool is_of_spinnaker(const struct setting *setting)
{
    const char *slash = strrchr(setting->origin, '/');

    return strncmp(slash ? slash + 1 : setting->origin, "spinnaker", strlen("spinnaker")) == 0;
}

static const struct known_setting spinnakers_own = {"", SETTING_FOREIGN};

static void review_map(struct review *review, const struct setting *map, const struct trail *up);

static void review_one(struct review *review, const struct trail *trail)
{
    const struct known_setting *known = NULL;
    bool is_above = false;
    struct strbuf *list;

    for (size_t i = 0; i < n_known_settings; i++) {
        const char *rest = known_settings[i].path;
        enum match match = trail_match(trail, &rest);

        if (match == MATCH_FULL && !known)
            known = &known_settings[i];
        is_above = is_above || match == MATCH_ABOVE;
    }
    if (!known && !is_above && !trail->up && is_of_spinnaker(trail->setting))
        known = &spinnakers_own;
    if (is_above && trail->setting->kind == SETTING_MAP) {
        review_map(review, trail->setting, trail);
    } else if (!known) {
        if (!is_used(review->tree, trail->setting))
            unknown(review, trail);
    } else if (known->use == SETTING_FOREIGN || known->use == SETTING_NO_EFFECT) {
        settings_drop(review->tree, trail->setting,
                      known->use == SETTING_FOREIGN ? "this service has no such part"
                                                    : "without effect in this version");
        list = known->use == SETTING_FOREIGN ? &review->foreign : &review->no_effect;
        strbuf_printf(list, "%s%s", list->n_bytes ? ", " : "", trail->setting->path);
    }
}

static void review_map(struct review *review, const struct setting *map, const struct trail *up)
{
    for (size_t i = 0; i < map->n_children; i++)
        review_one(review, &(struct trail){up, map->children[i]});
}

void settings_keys_review(struct settings_tree *tree)
{
    struct review review = {.tree = tree};

    review_map(&review, tree->root, NULL);
    if (review.no_effect.n_bytes)
        settings_notice(tree, "accepted, but without effect in this version: %s",
                        review.no_effect.bytes);
    if (review.foreign.n_bytes)
        settings_notice(tree, "ignored, for this service has no such part: %s",
                        review.foreign.bytes);
    strbuf_clear(&review.no_effect);
    strbuf_clear(&review.foreign);
}

/* "accounts[0].passwordFile", and not "accounts[0].tls.caFile", which is no secret. */
static bool names_secret_file(const struct setting_line *line)
{
    static const char *const plain[] = {"caFile", "certFile", "configFile"};
    const char *key = strrchr(line->path, '.');
    size_t n = key ? strlen(key) : 0;

    if (line->member)
        return strncmp(line->values[0], "file:", strlen("file:")) == 0;
    if (!line->from || n < strlen("File") || strcmp(key + n - strlen("File"), "File") != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (strcmp(key + 1, plain[i]) == 0)
            return false;
    return true;
}

/* A file that is read when a request is made: it may come later, but it is more likely a slip. */
static void review_secret_file(struct settings_tree *tree, const struct setting_line *line)
{
    const char *path = line->values[0];
    struct stat info;

    if (line->member)
        path += strlen("file:");
    if (stat(path, &info) != 0)
        settings_warn(tree, "%s: could not look at \"%s\": %s", line->path, path, strerror(errno));
    else if (info.st_mode & S_IROTH)
        settings_warn(tree, "%s: \"%s\" can be read by everyone on this machine", line->path, path);
}

void settings_open_secrets_review(struct settings_tree *tree)
{
    const char *last = "";

    for (size_t i = 0; i < tree->n_lines; i++) {
        const struct setting_line *line = &tree->lines[i];
        struct stat info;

        if (!tree->is_draft && line->n_values == 1 && names_secret_file(line))
            review_secret_file(tree, line);
        if (!line->is_secret || line->reference || !line->from || !*line->from->origin ||
            strcmp(line->from->origin, last) == 0)
            continue;
        if (stat(line->from->origin, &info) != 0 || !(info.st_mode & S_IROTH))
            continue;
        last = line->from->origin;
        settings_warn(tree, "%s holds secrets (%s) and can be read by everyone on this machine",
                      last, line->from->path);
    }
}
