/* base/limits.h -- every bound on input from outside, with its unit and its reason. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define KIB 1024u
#define MIB (1024u * 1024u)

/* HTTP server */
#define HTTP_MAX_CONNECTIONS 1024u
#define HTTP_MAX_CONNECTIONS_PER_IP 128u
#define HTTP_MAX_IN_FLIGHT 256u        /* over it: 503 with Retry-After */
#define HTTP_HEADER_DEADLINE_MS 10000  /* absolute, so that a drip does not hold a slot */
#define HTTP_BODY_DEADLINE_MS 30000    /* absolute */
#define HTTP_REQUEST_DEADLINE_MS 30000 /* handler */
#define HTTP_KEEPALIVE_IDLE_S 75u
#define HTTP_MAX_TARGET_BYTES (8u * KIB)
#define HTTP_MAX_HEADER_BYTES (16u * KIB)
#define HTTP_MAX_HEADERS 100u
#define HTTP_MAX_QUERY_PARAMS 64u
#define HTTP_MAX_BODY_BYTES (2u * MIB)        /* configs, starts, metric sets, pair lists */
#define HTTP_MAX_SMALL_BODY_BYTES (64u * KIB) /* everything else */
#define HTTP_MAX_EVENT_STREAMS 256u           /* over it: 503; they do not count as in flight */
#define HTTP_EVENT_BEAT_MS 15000 /* a comment, so that no proxy takes a quiet stream for dead */
#define HTTP_MAX_WAIT_S 30       /* of a long poll; it does not count as in flight, either */
#define HTTP_MAX_DRAIN_BYTES (1u * MIB) /* read past a refusal before giving up */
#define HTTP_DEFAULT_PAGE_ROWS 20
#define HTTP_MAX_PAGE_ROWS 200
#define HTTP_MAX_PAGE 10000
#define HTTP_MAX_LIST_ROWS 100000 /* ids in one answer, 100 bytes each */

/* JSON: a tree costs up to 79 times its text */
#define JSON_MAX_DEPTH 64u
#define JSON_MAX_VALUES 100000u
#define JSON_MAX_STRING_BYTES (256u * KIB)
#define JSON_MAX_KEY_BYTES (1u * KIB)
#define JSON_MAX_KEYS 10000u
#define CLI_MAX_DOCUMENT_BYTES (64u * MIB) /* a file, or a line of a batch */

/* Canary config and execution request */
#define CONFIG_MAX_METRICS 1000u
#define CONFIG_MAX_GROUPS 200u
#define CONFIG_MAX_TEMPLATES 200u
#define CONFIG_MAX_TEMPLATE_BYTES (64u * KIB)
#define CONFIG_MAX_NAME_CHARS 256u
#define REQUEST_MAX_SCOPES 100u
#define REQUEST_MAX_EXTENDED_PARAMS 100u
#define REQUEST_MAX_PARAM_BYTES (4u * KIB)
#define REQUEST_MAX_WINDOW_S (31 * 86400)
#define REQUEST_MAX_POINTS 50000 /* window / step */

/* Stand-alone analyses */
#define ANALYSIS_MAX_JUDGEMENTS 2000u
#define ANALYSIS_MAX_LIFETIME_MIN (90 * 1440)
#define ANALYSIS_MAX_BEGIN_AFTER_MIN (30 * 1440)

/* Template expansion: a doubling chain must not grow */
#define TEMPLATE_MAX_EXPANDED_BYTES (64u * KIB)
#define TEMPLATE_MAX_SUBSTITUTIONS 1000u
#define TEMPLATE_MAX_DEPTH 8u

/* Metric stores: their replies are hostile input too */
#define STORE_CONNECT_TIMEOUT_MS 15000
#define STORE_TOTAL_TIMEOUT_MS 60000
#define STORE_LOW_SPEED_BYTES_PER_S 1024
#define STORE_LOW_SPEED_S 20
#define STORE_MAX_REPLY_BYTES (64u * MIB) /* after decompression */
#define STORE_MAX_FILE_BYTES (256u * MIB) /* the same for a file in place of a store */
#define STORE_MAX_TREE_VALUES 4000000u /* of a reply kept as a tree; each takes 40 to 100 bytes */
#define STORE_MAX_REPLY_HEADER_BYTES (64u * KIB)
#define STORE_MAX_SERIES 1000u
#define STORE_MAX_POINTS_PER_SERIES 50000u
#define STORE_MAX_POINTS 1000000u /* per query */
#define STORE_MAX_LABEL_BYTES (4u * KIB)
#define STORE_MAX_LABELS 128u
#define STORE_CONCURRENCY 10 /* per account */
#define STORE_CONCURRENCY_TOTAL 64
#define STORE_CONCURRENCY_MAX 48 /* of one account: should it hang, the others go on */
#define STORE_RETRY_ATTEMPTS 10
#define STORE_RETRY_BACKOFF_MS 1000 /* doubled after each failure */
#define STORE_RETRY_AFTER_MAX_MS 120000
#define STORE_RETRY_TOTAL_MS 600000
#define STORE_CACHE_BYTES (32u * MIB) /* replies about the past, kept for who asks the same */
#define STORE_CACHE_MAX_REPLY_BYTES (4u * MIB)
#define STORE_CACHE_LIFE_MS 600000
#define STORE_SETTLE_MS 900000      /* after the window's end: points of hosted stores come late */
#define STORE_MAX_REQUESTS 100u     /* of one query that is answered page by page */
#define STORE_ERROR_BODY_BYTES 512u /* of a store's own error text that we pass on */

/* A judge of somebody else's, asked over HTTP; what it says is hostile input, too */
#define REMOTE_JUDGE_CONNECT_TIMEOUT_MS 30000
#define REMOTE_JUDGE_TOTAL_MS 60000 /* tries and waits included */
#define REMOTE_JUDGE_ATTEMPTS 3
#define REMOTE_JUDGE_MAX_REPLY_BYTES (4u * MIB)
#define REMOTE_JUDGE_MAX_DEPTH 16u /* a result needs 5, its resultMetadata may hold more */
#define REMOTE_JUDGE_MAX_VALUES 400000u
#define REMOTE_JUDGE_MAX_STRING_BYTES (16u * KIB)

/* Work waiting to be done */
#define QUEUE_MAX_PENDING 50000u        /* over it: 429 queue_full */
#define QUEUE_MAX_PER_APPLICATION 2000u /* so that one application cannot fill the queue */

/* YAML settings: aliases are shared nodes and walking them expands */
#define YAML_MAX_BYTES (1u * MIB)
#define YAML_MAX_NODES 100000u
#define YAML_MAX_ALIASES 50u
#define YAML_MAX_DEPTH 64u
#define SECRET_MAX_BYTES (64u * KIB)

#endif
