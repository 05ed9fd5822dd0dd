/* serinus validate: whatever a document is, every check ends, and each problem has a place. */
#include "analyzer/codec/place.h"
#include "analyzer/codec/yaml_json.h"
#include "analyzer/lint.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check(struct str text, json_t *document, void (*lint)(struct lint *, json_t *))
{
    struct lint found = {.arena = arena_create()};

    lint(&found, document);
    for (size_t i = 0; i < found.n_problems && i < 8; i++) {
        struct place place = place_find(text, found.problems[i].pointer, found.problems[i].is_key);

        if (place.line == 0 || place.column == 0)
            abort();
    }
    arena_free(found.arena);
}

static void check_config(struct lint *lint, json_t *document)
{
    lint_canary_config(lint, document);
}

static void check_request(struct lint *lint, json_t *document)
{
    lint_request(lint, document);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct str text = {(const char *)bytes, n_bytes};
    struct error err = {0};
    json_t *document = NULL;

    if (yaml_or_json_read(text, "fuzz.yml", &document, &err))
        return 0;
    check(text, document, check_config);
    check(text, document, check_request);
    check(text, document, lint_bundle);
    json_decref(document);
    return 0;
}
