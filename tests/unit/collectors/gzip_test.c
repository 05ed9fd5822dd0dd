/* The data: Python's gzip.compress(b"canary ", mtime=0), twice. */
#include "collectors/gzip.h"
#include "tests/support.h"

#define MEMBER                                                                                     \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x4e\xcc"                                         \
    "\x4b\x2c\xaa\x54\x00\x00\xfa\x52\xe4\xd3\x07\x00\x00\x00"
#define N_MEMBER (sizeof(MEMBER) - 1)

static const struct {
    const char *name;
    struct str packed;
    size_t max_bytes; /* 0: none */
    const char *problem;
    const char *text; /* without a problem */
} cases[] = {
    {"one member", {MEMBER, N_MEMBER}, 0, NULL, "canary "},
    {"two members", {MEMBER MEMBER, 2 * N_MEMBER}, 14, NULL, "canary canary "},
    {"one byte too many", {MEMBER MEMBER, 2 * N_MEMBER}, 13, "decompressed it is too large", NULL},
    {"cut", {MEMBER, N_MEMBER - 1}, 0, "its gzip data is broken or cut", NULL},
    {"something behind it", {MEMBER "x", N_MEMBER + 1}, 0, "its gzip data is broken or cut", NULL},
    {"nothing", {"", 0}, 0, "its gzip data is broken or cut", NULL},
};

static void gzip_members(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf out = {.max_bytes = cases[i].max_bytes};
        const char *problem = gzip_unpack(cases[i].packed, &out);

        row("%s", cases[i].name);
        assert_int_equal(cases[i].packed.n_bytes > 0, gzip_is(cases[i].packed));
        if (cases[i].problem)
            assert_string_equal(cases[i].problem, problem);
        else
            assert_null(problem);
        if (problem == NULL)
            assert_true(str_is(strbuf_view(&out), cases[i].text));
        strbuf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gzip_members)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
