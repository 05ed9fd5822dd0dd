#include "collectors/retry.h"

#include "base/instant.h"
#include "base/limits.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MIN_EPOCH_S 1000000000 /* no store asks for a rest of 30 years */
#define JITTER_RATIO 0.1       /* spreads out callers that failed together */

bool retry_is_worthwhile(const struct retry_policy *policy, long status)
{
    if (policy->server_errors && status >= 500 && status <= 599)
        return true;
    for (size_t i = 0; i < policy->n_statuses; i++)
        if (policy->statuses[i] == status)
            return true;
    return false;
}

bool retry_reply_is_worthwhile(const struct retry_policy *policy,
                               const struct http_request *request, long status, struct str body)
{
    switch (request->advice ? request->advice(status, body) : REPLY_BY_STATUS) {
    case REPLY_IS_FINAL:
        return false;
    case REPLY_ASK_AGAIN:
        return true;
    default:
        return retry_is_worthwhile(policy, status);
    }
}

static int64_t clamp_ms(int64_t seconds)
{
    if (seconds <= 0)
        return 0;
    if (seconds >= STORE_RETRY_AFTER_MAX_MS / MS_PER_S)
        return STORE_RETRY_AFTER_MAX_MS;
    return seconds * MS_PER_S;
}

/* Anything that is neither a number nor a date asks for nothing. */
static int64_t retry_after_ms(const char *text, int64_t now_unix_s)
{
    int64_t seconds = 0;
    char *end;
    long long number;

    while (isspace((unsigned char)*text))
        text++;
    number = strtoll(text, &end, 10);
    if (end != text) {
        while (isspace((unsigned char)*end))
            end++;
        seconds = *end == '\0' ? number : 0;
    } else {
        time_t date = curl_getdate(text, NULL);

        seconds = date > 0 ? (int64_t)date - now_unix_s : 0;
    }
    return clamp_ms(seconds);
}
int64_t retry_asked_ms(const char *retry_after, const char *rate_limit_reset, int64_t now_unix_s)
{
    char *end;
    long long seconds;

    if (retry_after)
        return retry_after_ms(retry_after, now_unix_s);
    if (!rate_limit_reset)
        return 0;
    seconds = strtoll(rate_limit_reset, &end, 10);
    if (end == rate_limit_reset || *end != '\0')
        return 0;
    return clamp_ms(seconds >= MIN_EPOCH_S ? seconds - now_unix_s : seconds);
}

int64_t retry_wait_ms(const struct retry_policy *policy, unsigned n_failures, double jitter,
                      int64_t asked_ms)
{
    int64_t wait_ms = policy->backoff_ms;

    for (unsigned i = 1; i < n_failures && wait_ms < STORE_RETRY_TOTAL_MS; i++)
        wait_ms *= 2;
    wait_ms += (int64_t)((double)wait_ms * JITTER_RATIO * jitter);
    return asked_ms > wait_ms ? asked_ms : wait_ms;
}

bool retry_is_cut_short(const char *content_type, const char *body, size_t n_bytes)
{
    const char *at = body;
    const char *end = body + n_bytes;
    size_t depth = 0;

    if (content_type && !strcasestr(content_type, "json"))
        return false;
    while (at < end && isspace((unsigned char)*at))
        at++;
    if (at == end || (*at != '{' && *at != '['))
        return false;
    for (; at < end; at++) {
        if (*at == '{' || *at == '[') {
            depth++;
        } else if (*at == '}' || *at == ']') {
            if (--depth == 0)
                return false; /* what may follow is the parser's to judge */
        } else if (*at == '"') {
            for (at++; at < end && *at != '"'; at++)
                if (*at == '\\' && at + 1 < end)
                    at++;
        }
    }
    return true;
}
