#include "analyzer/verdict_table.h"

#include "analyzer/cli.h"
#include "base/instant.h"
#include "base/str.h"

#include <ctype.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_COLUMNS 80u
#define NAME_COLUMNS 38u

struct page {
    FILE *out;
    bool use_colour, is_utf8;
};

enum colour { COLOUR_NONE = 0, COLOUR_RED = 31, COLOUR_GREEN = 32, COLOUR_YELLOW = 33 };

/* One row per thing that has a mark: the mark, its plain form, the word and the colour. */
struct mark_look {
    const char *mark, *plain_mark, *word;
    enum colour colour;
};

static const struct mark_look class_looks[] = {
    [CLASS_PASS] = {"✓", "o", "Pass", COLOUR_GREEN},
    [CLASS_HIGH] = {"▲", "^", "High", COLOUR_RED},
    [CLASS_LOW] = {"▼", "v", "Low", COLOUR_RED},
    [CLASS_NODATA] = {"∅", "-", "No data", COLOUR_YELLOW},
    [CLASS_NODATA_FAIL] = {"∅", "-", "No data", COLOUR_RED},
    [CLASS_ERROR] = {"!", "!", "Error", COLOUR_YELLOW},
};

static struct mark_look verdict_look(const struct judge_result *result)
{
    if (result->is_invalid)
        return (struct mark_look){"∅", "-", "INVALID", COLOUR_YELLOW};
    switch (verdict_exit_code(result)) {
    case EXIT_PASS:
        return (struct mark_look){"✓", "ok", "PASS", COLOUR_GREEN};
    case EXIT_MARGINAL:
        return (struct mark_look){"◆", "!", "MARGINAL", COLOUR_YELLOW};
    case EXIT_NODATA:
        return (struct mark_look){"∅", "-", "NODATA", COLOUR_YELLOW};
    default:
        return (struct mark_look){"✕", "x", "FAIL", COLOUR_RED};
    }
}

int verdict_exit_code(const struct judge_result *result)
{
    bool has_verdict = false;

    if (result->is_invalid)
        return EXIT_NODATA;
    for (size_t i = 0; i < result->n_results; i++) {
        enum classification c = result->results[i].classification;

        has_verdict = has_verdict || c == CLASS_HIGH || c == CLASS_LOW || c == CLASS_ERROR;
    }
    if (result->is_forced_by_nodata && !has_verdict)
        return EXIT_NODATA;
    return result->verdict == VERDICT_PASS       ? EXIT_PASS
           : result->verdict == VERDICT_MARGINAL ? EXIT_MARGINAL
                                                 : EXIT_FAIL;
}

const char *verdict_word(const struct judge_result *result)
{
    if (result->is_invalid)
        return "invalid";
    switch (verdict_exit_code(result)) {
    case EXIT_PASS:
        return "pass";
    case EXIT_MARGINAL:
        return "marginal";
    case EXIT_NODATA:
        return "nodata";
    default:
        return "fail";
    }
}

bool verdict_table_use_colour(FILE *out)
{
    const char *term = getenv("TERM");
    const char *force = getenv("CLICOLOR_FORCE");
    const char *no_color = getenv("NO_COLOR");

    if (no_color && *no_color)
        return false;
    if (force && *force && strcmp(force, "0") != 0)
        return true;
    return isatty(fileno(out)) && term && strcmp(term, "dumb") != 0;
}

static void set_colour(const struct page *page, enum colour colour)
{
    if (page->use_colour)
        fprintf(page->out, "\033[%dm", colour);
}

/* A character of data at `at`: its bytes; 0 at the end. What is not printable comes out as "?". */
static size_t character(const struct page *page, const char *at)
{
    size_t n = 1;

    if (!*at)
        return 0;
    while (((unsigned char)at[n] & 0xc0) == 0x80)
        n++;
    /* C1 controls are two bytes, U+0080 to U+009F */
    if (iscntrl((unsigned char)*at) || (!page->is_utf8 && n > 1) ||
        ((unsigned char)at[0] == 0xc2 && n == 2 && (unsigned char)at[1] < 0xa0) ||
        ((unsigned char)at[0] >= 0x80 && n == 1))
        fputc('?', page->out);
    else
        fwrite(at, 1, n, page->out);
    return n;
}

static size_t columns(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* `text` cut to `width` columns; returns the columns used. */
static size_t put_cut(const struct page *page, const char *text, size_t width)
{
    bool is_cut = columns(text) > width;
    size_t room = is_cut ? width - 1 : width;
    size_t used = 0;

    for (; used < room && *text; used++)
        text += character(page, text);
    if (is_cut) {
        fputs(page->is_utf8 ? "…" : "~", page->out);
        used++;
    }
    return used;
}

/* `text` cut or padded to `width` columns. */
static void put_cell(const struct page *page, const char *text, size_t width)
{
    size_t used = put_cut(page, text, width);

    fprintf(page->out, "%*s", (int)(width - used), "");
}

/* `text` broken at spaces, the first line after `indent` columns that are already used. */
static void put_wrapped(const struct page *page, const char *text, size_t indent)
{
    size_t used = indent;

    while (*text) {
        size_t n_bytes = strcspn(text, " ");
        size_t width = 0;

        for (size_t i = 0; i < n_bytes; i++)
            width += ((unsigned char)text[i] & 0xc0) != 0x80;
        if (used > indent && used + 1 + width > LINE_COLUMNS) {
            fprintf(page->out, "\n%*s", (int)indent, "");
            used = indent;
        } else if (used > indent) {
            fputc(' ', page->out);
            used++;
        }
        for (const char *end = text + n_bytes; text < end;)
            text += character(page, text);
        used += width;
        text += *text == ' ';
    }
    fputc('\n', page->out);
}

static const char *deviation_text(const struct metric_result *result, char *buffer, size_t size)
{
    double percent = (result->ratio - 1) * 100;
    double control = result->stats[SIDE_CONTROL].mean;
    double experiment = result->stats[SIDE_EXPERIMENT].mean;

    if (!result->has_ratio || result->classification == CLASS_NODATA ||
        result->classification == CLASS_NODATA_FAIL)
        snprintf(buffer, size, "-");
    else if (isfinite(percent))
        snprintf(buffer, size, fabs(percent) < 1000 ? "%+.1f %%" : "%+.3g %%", percent);
    else
        snprintf(buffer, size, "%s",
                 control == 0 && experiment != 0   ? "new"
                 : control != 0 && experiment == 0 ? "gone"
                                                   : "-");
    return buffer;
}

static const char *effect_text(const struct metric_result *result, char *buffer, size_t size)
{
    const struct test_report *report = result->report;

    if (report && isfinite(report->effect.estimate))
        snprintf(buffer, size, "%s %.3g", report->effect.measure, report->effect.estimate);
    else if (!result->has_interval || !isfinite(result->effect_size))
        snprintf(buffer, size, "-");
    else if (result->effect_measure == EFFECT_CLES)
        snprintf(buffer, size, "cles %.3g", result->effect_size);
    else
        snprintf(buffer, size, "%.3gx", result->effect_size);
    return buffer;
}

static void put_metric(const struct page *page, const struct metric_result *result)
{
    const struct mark_look *look = &class_looks[result->classification];
    const char *star = page->is_utf8 ? " ★ " : " * ";
    char deviation[32], effect[32];

    fputs("    ", page->out);
    set_colour(page, look->colour);
    fputs(page->is_utf8 ? look->mark : look->plain_mark, page->out);
    set_colour(page, COLOUR_NONE);
    fputc(' ', page->out);
    put_cell(page, result->pair->name, NAME_COLUMNS - 9);
    fputs(result->is_critical ? star : "   ", page->out);
    set_colour(page, look->colour);
    fprintf(page->out, "%-8s", look->word);
    set_colour(page, COLOUR_NONE);
    fprintf(page->out, "%12s", deviation_text(result, deviation, sizeof(deviation)));
    fprintf(page->out, "  %s\n", effect_text(result, effect, sizeof(effect)));
}

static bool is_in_group(const struct metric_result *result, const char *group)
{
    for (size_t i = 0; i < result->n_groups; i++)
        if (strcmp(result->groups[i], group) == 0)
            return true;
    return false;
}

static void put_groups(const struct page *page, const struct judge_result *result,
                       const struct score_policy *policy)
{
    for (size_t g = 0; g < result->n_groups; g++) {
        const struct group_score *group = &result->groups[g];

        fputs("  ", page->out);
        put_cell(page, group->name, NAME_COLUMNS - 2);
        if (group->has_data)
            fprintf(page->out, "%.4g / 100", group->score);
        else
            fputs("no data", page->out);
        for (size_t w = 0; w < policy->n_weights; w++)
            if (strcmp(policy->weights[w].group, group->name) == 0)
                fprintf(page->out, "   weight %.4g", policy->weights[w].weight);
        fputc('\n', page->out);
        for (size_t i = 0; i < result->n_results; i++)
            if (!result->results[i].is_muted && is_in_group(&result->results[i], group->name))
                put_metric(page, &result->results[i]);
    }
}

static void put_ungrouped(const struct page *page, const struct judge_result *result)
{
    bool has_title = false;

    for (size_t i = 0; i < result->n_results; i++) {
        if (!result->results[i].is_muted && result->results[i].n_groups)
            continue;
        if (!has_title)
            fputs("  Not scored\n", page->out);
        has_title = true;
        put_metric(page, &result->results[i]);
    }
}

/* Without its full stop, if it has one. */
static void put_sentence(const char *sentence, struct strbuf *out)
{
    size_t n = strlen(sentence);

    strbuf_append(out, sentence, n && sentence[n - 1] == '.' ? n - 1 : n);
}

/* "; it would pass with ..., 12 % of the evidence lies ...", behind the reason of a red metric. */
static void explain_inverse(const struct explanation *explanation, struct strbuf *out)
{
    if (explanation->limit_name)
        strbuf_printf(out, "; it would pass with %s %.3g", explanation->limit_name,
                      explanation->limit);
    if (explanation->heaviest_start_unix_ms && explanation->is_spread)
        strbuf_puts(out, "; the evidence is spread over the whole window");
    else if (explanation->heaviest_start_unix_ms) {
        char start[INSTANT_TEXT_BYTES], end[INSTANT_TEXT_BYTES];

        strbuf_printf(out, "; %.0f %% of the evidence lies between %s and %s",
                      explanation->heaviest_share * 100,
                      instant_text(explanation->heaviest_start_unix_ms * NS_PER_MS, start),
                      instant_text(explanation->heaviest_end_unix_ms * NS_PER_MS, end));
    }
}

void verdict_explain(const struct metric_result *result, struct strbuf *out)
{
    const struct side_stats *stats = result->stats;
    bool is_canary_empty = stats[SIDE_EXPERIMENT].count == 0;

    if (result->report) {
        put_sentence(result->reason, out);
        return;
    }
    switch (result->classification) {
    case CLASS_PASS:
        break;
    case CLASS_HIGH:
    case CLASS_LOW:
        strbuf_printf(out,
                      "the canary is %s: mean %.4g against %.4g; shifted by %.4g (98 %% interval "
                      "%.4g to %.4g)%s",
                      result->classification == CLASS_HIGH ? "higher" : "lower",
                      stats[SIDE_EXPERIMENT].mean, stats[SIDE_CONTROL].mean, result->estimate,
                      result->lower, result->upper,
                      result->is_critical ? "; the metric is critical" : "");
        break;
    case CLASS_NODATA:
    case CLASS_NODATA_FAIL:
        strbuf_printf(out, "no points on the side of the %s%s",
                      is_canary_empty && stats[SIDE_CONTROL].count == 0 ? "canary and the baseline"
                      : is_canary_empty                                 ? "canary"
                                                                        : "baseline",
                      result->is_critical                           ? "; the metric is critical"
                      : result->classification == CLASS_NODATA_FAIL ? "; the metric must have data"
                                                                    : "");
        break;
    case CLASS_ERROR:
        strbuf_puts(out, "the rank test does not exist for these values: all of them are tied");
        break;
    }
    if (result->is_unit_too_small)
        strbuf_puts(out, "; the values are small against the test's tolerance of 0.0001, rescale "
                         "the query, for example to percent");
}

static void put_reasons(const struct page *page, const struct judge_result *result)
{
    for (size_t i = 0; i < result->n_results; i++) {
        const struct metric_result *one = &result->results[i];
        struct strbuf text = {0};

        if (one->classification == CLASS_PASS)
            continue;
        if (!one->report) /* whose sentence begins with the name */
            strbuf_printf(&text, "%s: ", one->pair->name);
        verdict_explain(one, &text);
        if (result->explanations)
            explain_inverse(&result->explanations[i], &text);
        fputs("  why ", page->out);
        put_wrapped(page, text.bytes, strlen("  why "));
        strbuf_clear(&text);
    }
}

static void put_summary(const struct page *page, const struct judge_result *result)
{
    struct strbuf text = {0};
    size_t n_worse = 0, n_nodata = 0;

    for (size_t i = 0; i < result->n_results; i++) {
        enum classification c = result->results[i].classification;

        n_worse += c == CLASS_HIGH || c == CLASS_LOW;
        n_nodata += c == CLASS_NODATA || c == CLASS_NODATA_FAIL;
    }
    strbuf_printf(&text, "%zu of %zu metrics %s worse in the canary", n_worse, result->n_results,
                  n_worse == 1 ? "is" : "are");
    if (n_nodata)
        strbuf_printf(&text, ", %zu without data", n_nodata);
    strbuf_puts(&text, ".");
    if (*result->reason) {
        strbuf_puts(&text, " ");
        put_sentence(result->reason, &text);
        strbuf_puts(&text, ".");
    }
    fputs("  ", page->out);
    put_wrapped(page, text.bytes, 2);
    strbuf_clear(&text);
}

void verdict_table(const struct judge_result *result, const struct score_policy *policy,
                   const char *title, FILE *out, bool use_colour)
{
    const struct page page = {.out = out,
                              .use_colour = use_colour,
                              .is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
    struct mark_look look = verdict_look(result);
    char score[64];
    int n;

    set_colour(&page, look.colour);
    fprintf(out, "%s %s", page.is_utf8 ? look.mark : look.plain_mark, look.word);
    set_colour(&page, COLOUR_NONE);
    n = snprintf(score, sizeof(score), "   %.6g / 100   marginal %.4g, pass %.4g", result->score,
                 policy->marginal, policy->pass);
    fputs(score, out);
    if (title) {
        size_t used = strlen(look.word) + 3 + (n > 0 ? (size_t)n : 0);

        fputs("   ", out);
        put_cut(&page, title, used + 3 < LINE_COLUMNS ? LINE_COLUMNS - used - 3 : 1);
    }
    fputc('\n', out);
    put_summary(&page, result);
    if (result->n_results == 0)
        return;
    fprintf(out, "\n  %-*s%-8s%12s  %s\n", (int)NAME_COLUMNS - 2, "GROUP / METRIC", "CLASS",
            "DEVIATION", "EFFECT");
    put_groups(&page, result, policy);
    put_ungrouped(&page, result);
    fputc('\n', out);
    put_reasons(&page, result);
}
