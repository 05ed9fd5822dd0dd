#include "tests/fuzz/reply_target.h"

/* What could be completed, for a text with a prefix. */
static void read_names(const uint8_t *bytes, size_t n_bytes)
{
    const struct http_response reply = {
        .status = 200, .body = (const char *)bytes, .n_body_bytes = n_bytes};
    const struct account account = {.name = "a", .type = "graphite"};
    struct error err = {0};
    json_t *list = NULL;

    if (collector_find("graphite")
            ->completion->parse(&account, "a.$scope.b", &reply, &list, &err) == ERR_OK) {
        const json_t *one;
        size_t i;

        json_array_foreach (list, i, one)
            if (strncmp(json_string_value(json_object_get(one, "name")), "a.$scope.", 9) != 0)
                abort();
    } else if (err.code != ERR_UPSTREAM || list) {
        abort();
    }
    json_decref(list);
}

/* As a rendered target, and as a list of names. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_reply("graphite", "{}", bytes, n_bytes);
    read_names(bytes, n_bytes);
    return 0;
}
