/* Where pointers point: expected places in documents written out below. */
#include "tests/support.h"

#include "analyzer/codec/place.h"

static const char yaml[] = "# a comment\n"
                           "name: x\n"
                           "metrics:\n"
                           "  - name: a\n"
                           "    query: {type: prometheus}\n"
                           "  - &anchor\n"
                           "    name: \"\xc3\xa9\"\n"
                           "    tags: [one, two]   # three\n"
                           "  - *anchor\n"
                           "a/b: 1\n"
                           "m~n: {metrics: 2}\n";

static const char json[] = "{\n"
                           "\t\"name\": \"\\ud83d\\ude00 \\/ \\\"\",\n"
                           "\t\"metrics\": [{\"name\": \"a\"}, {\n"
                           "\t\t\"name\": \"b\" }]\n"
                           "}\n";

static void pointers_have_places(void **state)
{
    static const struct {
        const char *text, *pointer;
        bool of_key;
        size_t line, column;
    } cases[] = {
        {yaml, "", false, 2, 1},
        {yaml, "/name", false, 2, 7},
        {yaml, "/name", true, 2, 1},
        {yaml, "/metrics", false, 4, 3},
        {yaml, "/metrics/0/query/type", false, 5, 19},
        {yaml, "/metrics/0/query/type", true, 5, 13},
        {yaml, "/metrics/0/query/metricName", false, 5, 12}, /* absent: what should have it */
        {yaml, "/metrics/1/tags/1", false, 8, 17},
        {yaml, "/metrics/1/tags/1", true, 8, 17}, /* has no key */
        {yaml, "/metrics/1/tags/7", false, 8, 11},
        {yaml, "/metrics/2/tags/1", false, 9, 5}, /* the alias */
        {yaml, "/a~1b", false, 10, 6},
        {yaml, "/m~0n/metrics", false, 11, 16},
        {yaml, "/metrics/name", false, 4, 3},
        {yaml, "nonsense", false, 2, 1},
        {json, "/name", false, 2, 10},
        {json, "/metrics/1/name", false, 4, 11},
        {json, "/metrics/1/name", true, 4, 3},
        {"a: 1\nb: [", "/a", false, 1, 4}, /* as far as it can be read */
        {"", "/a", false, 1, 1},
        {"\xff\xfe", "/a", false, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct place place = place_find(str_of(cases[i].text), cases[i].pointer, cases[i].of_key);

        row("%s", cases[i].pointer);
        assert_int_equal(cases[i].line, place.line);
        assert_int_equal(cases[i].column, place.column);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pointers_have_places)};

    return cmocka_run_group_tests_name("analyzer/place", tests, NULL, NULL);
}
