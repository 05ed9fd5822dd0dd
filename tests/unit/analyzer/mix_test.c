/* Expected pairings: the rules of Kayenta's mixer (one case per rule). */
#include "tests/support.h"

#include "analyzer/mix.h"

#include <math.h>
#include <string.h>

#define MINUTE_MS 60000

/* A set of n values 1, 2, 3 ... with at most one tag; n_expected points fit between start and end.
 */
static void add(struct metric_set_list *list, const char *key, const char *value, size_t n,
                size_t n_expected)
{
    struct metric_set *set = metric_set_list_add(list);

    set->name = "cpu";
    set->start_unix_ms = 1767225600000;
    set->step_ms = MINUTE_MS;
    set->end_unix_ms = set->start_unix_ms + (int64_t)n_expected * MINUTE_MS;
    set->values = arena_array(list->arena, double, n);
    set->n_values = n;
    for (size_t i = 0; i < n; i++)
        set->values[i] = (double)i + 1;
    if (key)
        tag_map_put(&set->tags, list->arena, key, value);
}

struct fixture {
    struct arena *arena;
    enum mix_rescue rescue; /* MIX_RESCUE: nothing below may change by it */
    struct metric_set_list sides[N_SIDES];
    struct metric_pair *pairs;
    size_t n_pairs;
    struct error err;
};

static struct fixture *fixture_create(void)
{
    struct arena *arena = arena_create();
    struct fixture *f = arena_new(arena, struct fixture);

    f->arena = arena;
    f->rescue = MIX_RESCUE;
    f->sides[0].arena = f->sides[1].arena = arena;
    return f;
}

static enum err_code mix(struct fixture *f)
{
    return mix_pairs("seed", "cpu", f->rescue, &f->sides[SIDE_CONTROL], &f->sides[SIDE_EXPERIMENT],
                     f->arena, &f->pairs, &f->n_pairs, &f->err);
}

static void equal_tags_go_together(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], "code", "200", 3, 3);
    add(&f->sides[0], "code", "500", 2, 2);
    add(&f->sides[1], "code", "500", 4, 4);
    add(&f->sides[1], "code", "200", 5, 5);
    assert_int_equal(ERR_OK, mix(f));
    assert_int_equal(2, f->n_pairs);
    assert_string_equal("200", tag_map_get(&f->pairs[0].tags, "code"));
    assert_int_equal(3, f->pairs[0].sides[SIDE_CONTROL].n_values);
    assert_int_equal(5, f->pairs[0].sides[SIDE_EXPERIMENT].n_values);
    assert_int_equal(4, f->pairs[1].sides[SIDE_EXPERIMENT].n_values);
    arena_free(f->arena);
}

static void a_missing_partner_is_all_nan(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], "code", "200", 3, 3);
    add(&f->sides[1], "code", "200", 3, 3);
    add(&f->sides[1], "code", "500", 3, 3);
    assert_int_equal(ERR_OK, mix(f));
    assert_int_equal(2, f->n_pairs);
    assert_int_equal(3, f->pairs[1].sides[SIDE_CONTROL].n_values);
    for (size_t i = 0; i < 3; i++)
        assert_true(isnan(f->pairs[1].sides[SIDE_CONTROL].values[i]));
    arena_free(f->arena);
}

static void an_untagged_side_is_all_nan_for_tagged_ones(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], NULL, NULL, 0, 2); /* what a placeholder looks like */
    add(&f->sides[1], "code", "200", 3, 3);
    add(&f->sides[1], "code", "500", 3, 3);
    assert_int_equal(ERR_OK, mix(f));
    assert_int_equal(2, f->n_pairs);
    assert_int_equal(2, f->pairs[0].sides[SIDE_CONTROL].n_values);
    assert_true(isnan(f->pairs[0].sides[SIDE_CONTROL].values[0]));
    assert_near(1, f->pairs[0].sides[SIDE_EXPERIMENT].values[0], 0);
    arena_free(f->arena);
}

/* Values that take no part are not lost without a word; a placeholder has none. */
static void values_without_labels_are_noted(void **state)
{
    (void)state;
    for (int side = 0; side < N_SIDES; side++) {
        for (int n_values = 0; n_values < 3; n_values += 2) {
            struct fixture *f = fixture_create();

            row("side %d, %d values", side, n_values);
            add(&f->sides[side], NULL, NULL, (size_t)n_values, 2);
            add(&f->sides[!side], "code", "200", 3, 3);
            add(&f->sides[!side], "code", "500", 3, 3);
            assert_int_equal(ERR_OK, mix(f));
            assert_int_equal(2, f->n_pairs);
            for (size_t i = 0; i < 2; i++) {
                assert_int_equal(n_values > 0, f->pairs[i].sides[side].has_unused);
                assert_false(f->pairs[i].sides[!side].has_unused);
            }
            arena_free(f->arena);
        }
    }
}

static void sides_are_padded_and_never_cut(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], NULL, NULL, 2, 5);
    add(&f->sides[1], NULL, NULL, 4, 3);
    assert_int_equal(ERR_OK, mix(f));
    assert_int_equal(1, f->n_pairs);
    assert_int_equal(5, f->pairs[0].sides[SIDE_CONTROL].n_values);
    assert_near(2, f->pairs[0].sides[SIDE_CONTROL].values[1], 0);
    assert_true(isnan(f->pairs[0].sides[SIDE_CONTROL].values[2]));
    assert_int_equal(4, f->pairs[0].sides[SIDE_EXPERIMENT].n_values);
    arena_free(f->arena);
}

static void of_equal_tags_the_first_set_counts(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], NULL, NULL, 2, 2);
    add(&f->sides[0], NULL, NULL, 9, 9);
    add(&f->sides[1], NULL, NULL, 3, 3);
    assert_int_equal(ERR_OK, mix(f));
    assert_int_equal(1, f->n_pairs);
    assert_int_equal(2, f->pairs[0].sides[SIDE_CONTROL].n_values);
    arena_free(f->arena);
}

static void different_tag_keys_are_refused(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], "code", "200", 3, 3);
    add(&f->sides[1], "zone", "a", 3, 3);
    assert_int_equal(ERR_INVALID, mix(f));
    assert_string_equal("Control metrics have different tag keys than the experiment tag set "
                        "([code] != [zone]).",
                        f->err.message);
    arena_free(f->arena);
}

static void a_side_without_sets_is_refused(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], "code", "200", 3, 3);
    assert_int_equal(ERR_INVALID, mix(f));
    assert_string_equal("No experiment metrics found for cpu and the metric service did not create "
                        "a placeholder.",
                        f->err.message);
    arena_free(f->arena);
}

static void a_set_that_claims_to_be_endless_is_refused(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], NULL, NULL, 3, 3);
    add(&f->sides[1], NULL, NULL, 3, 3);
    f->sides[1].sets[0].end_unix_ms = INT64_MAX;
    f->sides[1].sets[0].step_ms = 1;
    assert_int_equal(ERR_INVALID, mix(f));
    assert_string_equal("too_many_points", f->err.reason);
    arena_free(f->arena);
}

static void ids_depend_on_the_seed_and_the_tags_alone(void **state)
{
    struct fixture *a = fixture_create(), *b = fixture_create();
    struct metric_pair *other;
    size_t n_other;

    (void)state;
    add(&a->sides[0], "code", "200", 3, 3);
    add(&a->sides[1], "code", "200", 3, 3);
    add(&b->sides[0], "code", "200", 7, 7);
    add(&b->sides[1], "code", "200", 8, 8);
    assert_int_equal(ERR_OK, mix(a));
    assert_int_equal(ERR_OK, mix(b));
    assert_string_equal(a->pairs[0].id, b->pairs[0].id);
    assert_int_equal(36, strlen(a->pairs[0].id));
    assert_int_equal(ERR_OK, mix_pairs("other", "cpu", MIX_RESCUE, &a->sides[0], &a->sides[1],
                                       a->arena, &other, &n_other, &a->err));
    assert_string_not_equal(a->pairs[0].id, other[0].id);
    arena_free(a->arena);
    arena_free(b->arena);
}

/* --- what is rescued, and what is not --- */

static void tag(struct fixture *f, int side, size_t i, const char *key, const char *value)
{
    tag_map_put(&f->sides[side].sets[i].tags, f->arena, key, value);
}

static void the_label_that_separates_the_sides_is_left_out(void **state)
{
    struct fixture *f = fixture_create();
    static const char *const codes[] = {"200", "500"};

    (void)state;
    for (int side = 0; side < N_SIDES; side++)
        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
            add(&f->sides[side], "version", side ? "v42" : "v41", 3, 3);
            tag(f, side, i, "code", codes[side ? 1 - i : i]);
        }
    add(&f->sides[1], "version", "v42", 3, 3);
    tag(f, 1, 2, "code", "503");
    assert_int_equal(ERR_OK, mix(f));
    assert_int_equal(3, f->n_pairs);
    assert_int_equal(1, f->pairs[0].tags.n_items);
    assert_string_equal("200", tag_map_get(&f->pairs[0].tags, "code"));
    assert_near(1, f->pairs[0].sides[0].values[0], 0);
    assert_near(1, f->pairs[0].sides[1].values[0], 0);
    assert_string_equal("version=\"v41\"",
                        tag_map_get(&f->pairs[0].sides[0].attributes, PAIRING_ATTRIBUTE));
    assert_string_equal("version=\"v42\"",
                        tag_map_get(&f->pairs[0].sides[1].attributes, PAIRING_ATTRIBUTE));
    assert_true(isnan(f->pairs[2].sides[0].values[0])); /* nobody has its code */
    arena_free(f->arena);
}

static void kayentas_way_leaves_them_apart(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], "version", "v41", 3, 3);
    add(&f->sides[1], "version", "v42", 3, 3);
    for (f->rescue = MIX_AS_KAYENTA; f->rescue <= MIX_RESCUE_ERRORS; f->rescue++) {
        assert_int_equal(ERR_OK, mix(f));
        assert_int_equal(2, f->n_pairs);
        assert_string_equal("v41", tag_map_get(&f->pairs[0].tags, "version"));
        assert_true(isnan(f->pairs[0].sides[1].values[0]));
        assert_null(tag_map_get(&f->pairs[0].sides[0].attributes, PAIRING_ATTRIBUTE));
    }
    assert_int_equal(ERR_OK, mix(f)); /* MIX_RESCUE */
    assert_int_equal(1, f->n_pairs);
    assert_int_equal(0, f->pairs[0].tags.n_items);
    arena_free(f->arena);
}

static void a_label_of_one_side_alone_is_left_out(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], "code", "200", 3, 3);
    add(&f->sides[1], "code", "200", 3, 3);
    tag(f, 1, 0, "track", "canary");
    f->rescue = MIX_AS_KAYENTA;
    assert_int_equal(ERR_INVALID, mix(f));
    assert_string_equal("tags_differ", f->err.reason);
    f->err = (struct error){0};
    f->rescue = MIX_RESCUE_ERRORS;
    assert_int_equal(ERR_OK, mix(f));
    assert_int_equal(1, f->n_pairs);
    assert_string_equal("200", tag_map_get(&f->pairs[0].tags, "code"));
    assert_string_equal("no track",
                        tag_map_get(&f->pairs[0].sides[0].attributes, PAIRING_ATTRIBUTE));
    arena_free(f->arena);
}

static void a_pair_that_is_there_is_never_touched(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], "version", "v41", 3, 3);
    add(&f->sides[0], "version", "v40", 3, 3);
    add(&f->sides[1], "version", "v40", 3, 3);
    assert_int_equal(ERR_OK, mix(f));
    assert_int_equal(2, f->n_pairs);
    assert_null(tag_map_get(&f->pairs[1].sides[1].attributes, PAIRING_ATTRIBUTE));
    arena_free(f->arena);
}

static void two_labels_that_differ_are_a_guess_that_is_not_made(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], "code", "200", 3, 3);
    add(&f->sides[1], "code", "500", 3, 3);
    tag(f, 0, 0, "pod", "a");
    tag(f, 1, 0, "pod", "b");
    assert_int_equal(ERR_OK, mix(f));
    assert_int_equal(2, f->n_pairs);
    arena_free(f->arena);
}

static void no_data_stays_no_data(void **state)
{
    struct fixture *f = fixture_create();

    (void)state;
    add(&f->sides[0], NULL, NULL, 0, 3); /* a placeholder */
    add(&f->sides[1], "version", "v42", 3, 3);
    assert_int_equal(ERR_OK, mix(f));
    assert_int_equal(1, f->n_pairs);
    assert_string_equal("v42", tag_map_get(&f->pairs[0].tags, "version"));
    arena_free(f->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_tags_go_together),
        cmocka_unit_test(a_missing_partner_is_all_nan),
        cmocka_unit_test(an_untagged_side_is_all_nan_for_tagged_ones),
        cmocka_unit_test(values_without_labels_are_noted),
        cmocka_unit_test(sides_are_padded_and_never_cut),
        cmocka_unit_test(of_equal_tags_the_first_set_counts),
        cmocka_unit_test(different_tag_keys_are_refused),
        cmocka_unit_test(a_side_without_sets_is_refused),
        cmocka_unit_test(a_set_that_claims_to_be_endless_is_refused),
        cmocka_unit_test(ids_depend_on_the_seed_and_the_tags_alone),
        cmocka_unit_test(the_label_that_separates_the_sides_is_left_out),
        cmocka_unit_test(kayentas_way_leaves_them_apart),
        cmocka_unit_test(a_label_of_one_side_alone_is_left_out),
        cmocka_unit_test(a_pair_that_is_there_is_never_touched),
        cmocka_unit_test(two_labels_that_differ_are_a_guess_that_is_not_made),
        cmocka_unit_test(no_data_stays_no_data),
    };

    return cmocka_run_group_tests_name("analyzer/mix", tests, NULL, NULL);
}
