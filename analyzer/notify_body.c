/* analyzer/notify_body.c -- what a sink is told: our own JSON, or the blocks of a Slack message. */
#include "analyzer/notify.h"

#include "base/id.h"
#include "base/instant.h"
#include "base/json.h"

#include <ctype.h>
#include <math.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA "serinus.event/v1"
/* Slack takes 3,000 characters in a section's text: two names, a reason and what stands between. */
#define SLACK_MAX_NAME_BYTES 150u
#define SLACK_MAX_REASON_BYTES 2000u

static const struct outcome {
    enum sink_event event;
    const char *word;  /* as in the settings */
    const char *shown; /* for people; the glyph alone must do, too */
} outcomes[] = {
    {SINK_ERROR, "error", "\U0001f6d1 Error"}, /* first: what there is no other word for */
    {SINK_PASS, "pass", "\u2705 Pass"},
    {SINK_MARGINAL, "marginal", "\u26a0\ufe0f Marginal"},
    {SINK_FAIL, "fail", "\u274c Fail"},
    {SINK_NODATA, "nodata", "\u2754 No data"},
    {SINK_NODATA, "invalid", "\u2754 Invalid"},
    {SINK_CANCELLED, "cancelled", "\U0001f6ab Cancelled"},
};

static bool has(const char *text)
{
    return text && *text;
}

static const struct outcome *outcome_of(const struct notify_facts *facts)
{
    const char *word = facts->state == EXECUTION_CANCELLED ? "cancelled" : facts->verdict;

    for (size_t i = 0; has(word) && i < ARRAY_LEN(outcomes); i++)
        if (strcmp(outcomes[i].word, word) == 0)
            return &outcomes[i];
    return &outcomes[0];
}

static bool is_interval(const struct notify_facts *facts)
{
    return has(facts->parent_id);
}

static const char *event_name(const struct notify_facts *facts)
{
    return is_interval(facts) ? "interval.finished" : "execution.finished";
}

/* A version 8 UUID (RFC 9562, 5.8): its bits are ours to choose, and they follow from the event. */
static const char *event_id(const struct notify_facts *facts, struct arena *arena)
{
    const char *name = arena_printf(arena, SCHEMA "\n%s\n%s", event_name(facts), facts->id);
    unsigned char b[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)name, strlen(name), b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x80);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    return arena_printf(
        arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
        b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* Where the execution's status is read; NULL when nobody has said where we are. */
static const char *status_url(const struct settings *settings, const struct notify_facts *facts,
                              struct arena *arena)
{
    const char *url = NULL;
    struct strbuf id = {0};

    if (settings->external_url) {
        http_percent_encode(&id, facts->id);
        url = arena_printf(
            arena, "%s/%s/%s", settings->external_url,
            facts->kind == EXECUTION_ANALYSIS ? "standalone_canary_analysis" : "canary", id.bytes);
        strbuf_clear(&id);
    }
    return url;
}

/* --- our own --- */

static void set_given(json_t *object, const char *key, const char *text)
{
    if (has(text))
        json_set_text(object, key, text);
}

static void set_time(json_t *object, const char *key, int64_t unix_ms)
{
    char text[INSTANT_TEXT_BYTES];

    json_object_set_new(object, key, json_string(instant_text(unix_ms * NS_PER_MS, text)));
}

static json_t *execution_json(const struct notify_facts *facts)
{
    static const char *const kinds[] = {
        [EXECUTION_CANARY] = "canary",
        [EXECUTION_ANALYSIS] = "analysis",
        [EXECUTION_COMPARISON] = "comparison",
    };
    json_t *out = json_object();

    json_object_set_new(out, "id", json_string(facts->id));
    json_object_set_new(out, "kind", json_string(kinds[facts->kind]));
    set_given(out, "parentId", facts->parent_id);
    if (facts->interval)
        json_object_set_new(out, "interval", json_integer(facts->interval));
    set_given(out, "application", facts->application);
    set_given(out, "canaryConfigId", facts->config_id);
    set_given(out, "canaryConfigName", facts->config_name);
    json_object_set_new(out, "status",
                        json_string(facts->state == EXECUTION_SUCCEEDED   ? "succeeded"
                                    : facts->state == EXECUTION_CANCELLED ? "cancelled"
                                                                          : "failed"));
    set_given(out, "verdict", facts->verdict);
    if (!isnan(facts->score))
        json_object_set_new(out, "score", json_number_or_text(facts->score));
    if (!isnan(facts->pass) && !isnan(facts->marginal))
        json_object_set_new(out, "thresholds",
                            json_pack("{sfsf}", "pass", facts->pass, "marginal", facts->marginal));
    set_given(out, "reason", facts->reason);
    set_given(out, "error", facts->error);
    set_time(out, "createdTime", facts->created_unix_ms);
    set_time(out, "endedTime", facts->ended_unix_ms);
    return out;
}

static const char *webhook_body(const struct notify_facts *facts, const char *id, const char *url,
                                struct arena *arena)
{
    json_auto_t *out = json_object();

    json_object_set_new(out, "schema", json_string(SCHEMA));
    json_object_set_new(out, "eventId", json_string(id));
    json_object_set_new(out, "event", json_string(event_name(facts)));
    json_object_set_new(out, "outcome", json_string(outcome_of(facts)->word));
    json_object_set_new(out, "execution", execution_json(facts));
    if (facts->site_local)
        json_object_set(out, "siteLocal", (json_t *)(uintptr_t)facts->site_local);
    if (url)
        json_object_set_new(out, "links", json_pack("{ss}", "status", url));
    return json_write_arena(out, arena);
}

/* --- Slack: api.slack.com/reference/surfaces/formatting --- */

/* `text` on one line, & < > escaped: they are all that Slack gives a meaning that could reach
 * people
 * (<!channel>) or lead them astray (<url|text>). What would make more than max_bytes is cut. */
static void put_escaped(struct strbuf *out, const char *text, size_t max_bytes)
{
    size_t end = out->n_bytes + max_bytes;

    for (size_t at = 0, n = strlen(text), n_char; at < n; at += n_char) {
        const char *shown = text + at;
        size_t n_shown;

        n_shown = n_char = str_utf8_length(shown, n - at);
        if (n_char == 0)
            shown = "?", n_shown = n_char = 1;
        else if (*shown == '&')
            shown = "&amp;", n_shown = 5;
        else if (*shown == '<')
            shown = "&lt;", n_shown = 4;
        else if (*shown == '>')
            shown = "&gt;", n_shown = 4;
        else if (iscntrl((unsigned char)*shown))
            shown = " ";
        if (out->n_bytes + n_shown > end) {
            strbuf_puts(out, "\u2026");
            return;
        }
        strbuf_append(out, shown, n_shown);
    }
}

/* "Fail: checkout (golden signals), score 41.5, pass 95, marginal 75" */
static void put_headline(struct strbuf *out, const struct notify_facts *facts, const char *bold)
{
    strbuf_printf(out, "%s%s%s: ", bold, outcome_of(facts)->shown, bold);
    put_escaped(out, has(facts->application) ? facts->application : facts->id,
                SLACK_MAX_NAME_BYTES);
    if (has(facts->config_name)) {
        strbuf_puts(out, " (");
        put_escaped(out, facts->config_name, SLACK_MAX_NAME_BYTES);
        strbuf_puts(out, ")");
    }
    if (!isnan(facts->score))
        strbuf_printf(out, ", score %s%.6g%s", bold, facts->score, bold);
    if (!isnan(facts->pass) && !isnan(facts->marginal))
        strbuf_printf(out, ", pass %.6g, marginal %.6g", facts->pass, facts->marginal);
}

/* "canary 01J..., interval 3 of analysis 01J..." with the link behind the id */
static void put_identity(struct strbuf *out, const struct notify_facts *facts, const char *url)
{
    strbuf_puts(out, facts->kind == EXECUTION_ANALYSIS ? "analysis " : "canary ");
    if (url)
        strbuf_printf(out, "<%s|", url);
    put_escaped(out, facts->id, SLACK_MAX_NAME_BYTES);
    if (url)
        strbuf_puts(out, ">");
    if (is_interval(facts)) {
        strbuf_puts(out, ", ");
        if (facts->interval)
            strbuf_printf(out, "interval %u ", facts->interval);
        strbuf_puts(out, "of analysis ");
        put_escaped(out, facts->parent_id, SLACK_MAX_NAME_BYTES);
    }
}

static const char *slack_body(const struct notify_facts *facts, const char *url,
                              struct arena *arena)
{
    const char *why = has(facts->error) ? facts->error : facts->reason;
    struct strbuf text = {0}, details = {0}, identity = {0};
    json_auto_t *out = NULL;

    put_headline(&text, facts, "");
    put_headline(&details, facts, "*");
    if (has(why)) {
        strbuf_puts(&details, "\n");
        put_escaped(&details, why, SLACK_MAX_REASON_BYTES);
    }
    put_identity(&identity, facts, url);
    out = json_pack("{s:s, s:[{s:s, s:{s:s, s:s}}, {s:s, s:[{s:s, s:s}]}]}", "text", text.bytes,
                    "blocks", "type", "section", "text", "type", "mrkdwn", "text", details.bytes,
                    "type", "context", "elements", "type", "mrkdwn", "text", identity.bytes);
    strbuf_clear(&text);
    strbuf_clear(&details);
    strbuf_clear(&identity);
    return json_write_arena(out, arena);
}

/* --- who is told --- */

static bool wants(const struct settings_sink *sink, const struct notify_facts *facts)
{
    bool is_ours = sink->n_applications == 0;

    for (size_t i = 0; i < sink->n_applications && !is_ours; i++)
        is_ours = strcmp(sink->applications[i], facts->application ? facts->application : "") == 0;
    return is_ours &&
           sink->on & (is_interval(facts) ? SINK_INTERVAL : (unsigned)outcome_of(facts)->event);
}

void notify_bodies(const struct settings *settings, const struct notify_facts *facts,
                   struct arena *arena, struct stored_notification **out, size_t *n_out)
{
    const char *bodies[] = {[SINK_WEBHOOK] = NULL, [SINK_SLACK] = NULL};
    const char *id, *url;

    *out = NULL;
    *n_out = 0;
    if (settings->n_sinks == 0)
        return;
    id = event_id(facts, arena);
    url = status_url(settings, facts, arena);
    *out = arena_array(arena, struct stored_notification, settings->n_sinks);
    for (size_t i = 0; i < settings->n_sinks; i++) {
        const struct settings_sink *sink = &settings->sinks[i];
        const char **body = &bodies[sink->type];

        if (!wants(sink, facts))
            continue;
        if (!*body)
            *body = sink->type == SINK_SLACK ? slack_body(facts, url, arena)
                                             : webhook_body(facts, id, url, arena);
        (*out)[(*n_out)++] = (struct stored_notification){id, sink->name, str_of(*body)};
    }
}
