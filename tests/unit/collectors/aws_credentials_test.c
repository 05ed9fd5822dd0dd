/* Where keys for AWS come from. Replies: fixtures/replies/cloudwatch/ 21 to 24; shared files are
 * written to a temporary folder. The environment is this process' own. */
#include "tests/support.h"

#include "base/json.h"
#include "collectors/aws_credentials.h"
#include "collectors/aws_profile.h"
#include "collectors/collector.h"
#include "tests/collector_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "fixtures/replies/cloudwatch/"
#define NOW 1767226200 /* 2026-01-01T00:10:00Z */
#define KEYS                                                                                       \
    "ASIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\nIQoJb3JpZ2luX2VjEXAMPLETOKEN"

struct attempt {
    struct subject subject;
    struct token_grant grant;
    enum err_code rc;
};

static char folder[] = "/tmp/serinus-aws-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(0, fclose(file));
}

static int clean_environment(void **state)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_PROFILE",
                                        "AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_ROLE_ARN",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                        "AWS_EC2_METADATA_DISABLED",
                                        "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_CONFIG_FILE"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
    setenv("HOME", "/nonexistent", 1);
    return 0;
}

/* `config` holds further members of the account. */
static struct attempt begin(const char *config)
{
    char account[1024];
    struct attempt a = {0};

    snprintf(account, sizeof(account), "{'name':'a','region':'us-east-1'%s%s}", *config ? "," : "",
             config);
    a.subject = subject_of_text("cloudwatch", account, "{}");
    a.rc =
        token_grant_begin(a.subject.account->token, NOW, a.subject.arena, &a.grant, &a.subject.err);
    return a;
}

static void answer(struct attempt *a, long status, const char *body)
{
    const struct http_response reply = {
        .status = status, .body = body, .n_body_bytes = strlen(body)};

    a->rc = token_grant_answer(&a->grant, &reply, NOW, &a->subject.err);
}

static void answer_file(struct attempt *a, long status, const char *name)
{
    char path[128];
    char *body;

    snprintf(path, sizeof(path), FOLDER "%s", name);
    body = read_file(path, NULL);
    answer(a, status, body);
    free(body);
}

static void check_done(struct attempt *a, const char *keys, int64_t life_s)
{
    if (a->rc)
        fail_msg("%s", a->subject.err.message);
    assert_true(a->grant.is_done);
    assert_string_equal(keys, a->grant.token);
    assert_int_equal(life_s, a->grant.lifetime_s);
    subject_free(&a->subject);
}

static void check_failed(struct attempt *a, const char *words)
{
    assert_int_equal(ERR_UPSTREAM, a->rc);
    assert_string_equal("store_auth_failed", a->subject.err.reason);
    if (!strstr(a->subject.err.message, words))
        fail_msg("\"%s\" is not in \"%s\"", words, a->subject.err.message);
    subject_free(&a->subject);
}

static void check_request(const struct attempt *a, const char *method, const char *url,
                          bool is_metadata)
{
    if (a->rc)
        fail_msg("%s", a->subject.err.message);
    assert_false(a->grant.is_done);
    assert_string_equal(method, a->grant.request.method);
    assert_string_equal(url, a->grant.request.url);
    assert_int_equal(is_metadata, a->grant.account.may_reach_metadata);
    if (is_metadata)
        assert_null(a->grant.account.proxy);
}

static void keys_of_the_account(void **state)
{
    struct attempt a = begin("'accessKeyId':'AKIA1','secretAccessKey':'secret-1'");

    (void)state;
    check_done(&a, "AKIA1\nsecret-1\n", 60);
    put("secret", "secret-2\n");
    {
        char config[512];

        snprintf(config, sizeof(config),
                 "'credentials':'static','accessKeyId':'AKIA1','secretAccessKeyFile':'%s',"
                 "'sessionToken':'session'",
                 path_of("secret"));
        a = begin(config);
        check_done(&a, "AKIA1\nsecret-2\nsession", 60);
    }
    a = begin("'credentials':'static'");
    check_failed(&a, "the account has no \"accessKeyId\"");
}

static void keys_of_the_environment(void **state)
{
    struct attempt a;

    (void)state;
    setenv("AWS_ACCESS_KEY_ID", "AKIAENV", 1);
    a = begin("");
    check_failed(&a, "are not both set");
    setenv("AWS_SECRET_ACCESS_KEY", "secret-env", 1);
    setenv("AWS_SESSION_TOKEN", "tok", 1);
    a = begin("");
    check_done(&a, "AKIAENV\nsecret-env\ntok", 60);
    a = begin("'accessKeyId':'AKIA1','secretAccessKey':'secret-1'");
    check_done(&a, "AKIA1\nsecret-1\n", 60);
}

static void keys_of_a_profile(void **state)
{
    static const struct {
        const char *profile, *keys, *error;
    } cases[] = {
        {"plain", "AKIAPLAIN\nsecret-plain\n", NULL},
        {"default", "AKIADEFAULT\nsecret-default\ntok", NULL},
        {"both", "AKIACRED\nsecret-cred\n", NULL},
        {"none", NULL, "there is no profile \"none\""},
        {"process", NULL, "credential_process and SSO are not supported"},
        {"loop-a", NULL, "more than five deep"},
        {"odd", NULL, "credential_source must be"},
    };

    (void)state;
    put("credentials", "# all\n[default]\naws_access_key_id = AKIADEFAULT ; the key\n"
                       "AWS_SECRET_ACCESS_KEY=secret-default\naws_session_token = tok\n"
                       "[both]\naws_access_key_id=AKIACRED\naws_secret_access_key=secret-cred\n"
                       "[base]\naws_access_key_id=AKIABASE\naws_secret_access_key=secret-base\n");
    put("config", "[profile plain]\n  \naws_access_key_id=AKIAPLAIN\n"
                  "aws_secret_access_key=secret-plain\nregion = eu-north-1\n"
                  "[profile both]\naws_access_key_id=AKIACONF\n"
                  "[profile process]\ncredential_process = /bin/true\n"
                  "[profile loop-a]\nrole_arn=a\nsource_profile=loop-b\n"
                  "[profile loop-b]\nrole_arn=b\nsource_profile=loop-a\n"
                  "[profile odd]\nrole_arn=a\ncredential_source=Moon\n"
                  "[profile mid]\nrole_arn=arn:mid\nsource_profile=base\nexternal_id=x y\n"
                  "[profile top]\nrole_arn=arn:top\nsource_profile=mid\n");
    setenv("AWS_SHARED_CREDENTIALS_FILE", path_of("credentials"), 1);
    setenv("AWS_CONFIG_FILE", path_of("config"), 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char config[128];
        struct attempt a;

        row("%s", cases[i].profile);
        snprintf(config, sizeof(config), "'profile':'%s'", cases[i].profile);
        a = begin(config);
        if (cases[i].error)
            check_failed(&a, cases[i].error);
        else
            check_done(&a, cases[i].keys, 60);
    }
}

/* top on top of mid on top of base's own keys, and the account's role last. */
static void roles_are_assumed_one_after_the_other(void **state)
{
    static const char reply[] = "<A><AccessKeyId>%s</AccessKeyId><SecretAccessKey>sec&#45;&amp;%s"
                                "</SecretAccessKey><SessionToken>t-%s</SessionToken>"
                                "<Expiration>2026-01-01T01:10:00Z</Expiration></A>";
    static const char *const arns[] = {"arn%3Amid", "arn%3Atop", "arn%3Amine"};
    static const char *const signers[] = {"AKIABASE", "ASIA0", "ASIA1"};
    struct attempt a =
        begin("'profile':'top','assumeRole':{'roleArn':'arn:mine','durationSeconds':900,"
              "'sessionName':'me'},'stsEndpoint':'https://sts.example.com'");

    (void)state;
    for (int i = 0; i < 3; i++) {
        const char *authorization;
        char body[512], id[16];

        row("role %d", i);
        check_request(&a, "POST", "https://sts.example.com/", false);
        assert_non_null(strstr(a.grant.request.body, "Action=AssumeRole&Version=2011-06-15"));
        assert_non_null(strstr(a.grant.request.body, arns[i]));
        authorization = request_header(&a.grant.request, "Authorization");
        assert_non_null(strstr(authorization, signers[i]));
        assert_non_null(strstr(authorization, "/us-east-1/sts/aws4_request"));
        assert_int_equal(i == 0, strstr(a.grant.request.body, "ExternalId=x%20y") != NULL);
        assert_int_equal(i == 2, strstr(a.grant.request.body, "DurationSeconds=900") != NULL);
        assert_int_equal(i > 0, request_header(&a.grant.request, "X-Amz-Security-Token") != NULL);
        snprintf(id, sizeof(id), "ASIA%d", i);
        snprintf(body, sizeof(body), reply, id, id, id);
        answer(&a, 200, body);
    }
    check_done(&a, "ASIA2\nsec-&ASIA2\nt-ASIA2", 3600);
    a = begin("'profile':'top'");
    answer(&a, 403, "<Error><Code>AccessDenied</Code><Message>secret-base is no</Message></Error>");
    check_failed(&a, "status 403: AccessDenied: *** is no");
}

static void a_web_identity(void **state)
{
    struct attempt a;
    char *recorded = read_file(FOLDER "23-sts-web-identity.request.txt", NULL);
    char *body = strstr(recorded, "\n\n") + 2;

    (void)state;
    put("token", "<content of the token file>");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path_of("token"), 1);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/canary", 1);
    a = begin("");
    check_request(&a, "POST", "https://sts.us-east-1.amazonaws.com/", false);
    *strstr(body, "<content") = '\0';
    assert_memory_equal(body, a.grant.request.body, strlen(body));
    assert_null(request_header(&a.grant.request, "Authorization"));
    answer_file(&a, 200, "23-sts-web-identity.response.txt");
    check_done(&a, KEYS, 3600);
    a = begin("");
    answer_file(&a, 403, "24-sts-error.response.txt");
    check_failed(&a, "status 403: AccessDenied: Not authorized to perform");
    a = begin("");
    answer(&a, 200,
           "{\"R\":{\"S\":{\"Credentials\":{\"AccessKeyId\":\"ASIAIOSFODNN7EXAMPLE\","
           "\"SecretAccessKey\":\"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\",\"SessionToken\":"
           "\"IQoJb3JpZ2luX2VjEXAMPLETOKEN\",\"Expiration\":1767229800}}}}");
    check_done(&a, KEYS, 3600);
    free(recorded);
}

static void a_container(void **state)
{
    static const struct {
        const char *url, *error;
        bool is_metadata;
    } cases[] = {
        {"http://169.254.170.23/v1/credentials", NULL, true},
        {"http://[fd00:ec2::23]/v1/credentials", NULL, true},
        {"http://127.0.0.1:8080/x", NULL, false},
        {"https://example.com/x", NULL, false},
        {"http://example.com/x", "must be https", false},
        {"http://169.254.169.254/x", "must be https", false},
        {"http://169.254.170.2@example.com/", "must be https", false},
        {"http://169.254.170.2.example.com/", "must be https", false},
        {"ftp://127.0.0.1/x", "must be https", false},
    };
    struct attempt a;

    (void)state;
    put("token", "Bearer pod-identity");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path_of("token"), 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        row("%s", cases[i].url);
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", cases[i].url, 1);
        a = begin("");
        if (cases[i].error) {
            check_failed(&a, cases[i].error);
            continue;
        }
        check_request(&a, "GET", cases[i].url, cases[i].is_metadata);
        assert_string_equal("Bearer pod-identity",
                            request_header(&a.grant.request, "Authorization"));
        answer_file(&a, 200, "22-container.response.json");
        check_done(&a, KEYS, 22800);
    }
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1", 1);
    a = begin("'credentials':'container','proxy':'http://proxy:1'");
    check_request(&a, "GET", "http://169.254.170.2/v2/credentials/1", true);
    answer(&a, 200, "{}");
    check_failed(&a, "has no keys");
}

static void a_machine(void **state)
{
    struct attempt a = begin("");

    (void)state;
    check_request(&a, "PUT", "http://169.254.169.254/latest/api/token", true);
    assert_string_equal("21600",
                        request_header(&a.grant.request, "X-aws-ec2-metadata-token-ttl-seconds"));
    assert_non_null(strstr(a.grant.hint, "hop limit"));
    answer(&a, 200, "imds-token-1");
    check_request(&a, "GET", "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
                  true);
    assert_string_equal("imds-token-1",
                        request_header(&a.grant.request, "X-aws-ec2-metadata-token"));
    answer(&a, 200, "canary-role\nother\n");
    check_request(&a, "GET",
                  "http://169.254.169.254/latest/meta-data/iam/security-credentials/canary-role",
                  true);
    answer_file(&a, 200, "21-imds.response.json");
    check_done(&a, KEYS, 22800);

    a = begin("'credentials':'instance'");
    answer(&a, 200, "imds-token-1");
    answer(&a, 404, "");
    check_failed(&a, "no role is attached to this machine");
    a = begin("");
    answer(&a, 200, "t\x01");
    check_failed(&a, "metadata service's address is none");
    a = begin("");
    answer(&a, 200, "t");
    answer(&a, 200, "r/../x");
    assert_string_equal(
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/r%2F..%2Fx",
        a.grant.request.url);
    answer(&a, 200, "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}");
    check_failed(&a, "says \"AssumeRoleUnauthorizedAccess\"");
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    a = begin("");
    check_failed(&a, "instance metadata is disabled");
}

static void replies_that_are_refused(void **state)
{
    static const struct {
        const char *name, *body, *error;
    } cases[] = {
        {"a document type", "<!DOCTYPE a><AccessKeyId>x</AccessKeyId>", "cannot be read"},
        {"no keys", "<A/>", "neither JSON nor what STS says"},
        {"no secret", "<AccessKeyId>x</AccessKeyId>", "has no keys"},
        {"no end", "<AccessKeyId>x</AccessKeyId><SecretAccessKey>y</SecretAccessKey>",
         "does not say when the keys end"},
        {"over already",
         "<AccessKeyId>x</AccessKeyId><SecretAccessKey>y</SecretAccessKey>"
         "<Expiration>2020-01-01T00:00:00Z</Expiration>",
         "end in the past"},
        {"a line break in a key",
         "<AccessKeyId>x\r\nA: b</AccessKeyId><SecretAccessKey>y</SecretAccessKey>"
         "<Expiration>2026-01-01T01:00:00Z</Expiration>",
         "characters that no key has"},
    };

    (void)state;
    put("token", "web-token");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path_of("token"), 1);
    setenv("AWS_ROLE_ARN", "arn", 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct attempt a = begin("");

        row("%s", cases[i].name);
        answer(&a, 200, cases[i].body);
        check_failed(&a, cases[i].error);
    }
}

static void accounts_that_are_refused(void **state)
{
    static const struct {
        const char *type, *account, *error;
    } cases[] = {
        {"cloudwatch", "{'region':'r','credentials':'magic'}", "credentials"},
        {"cloudwatch", "{'region':'r','accessKeyId':'x'}", "belong together"},
        {"cloudwatch", "{'region':'r','assumeRole':'x'}", "assumeRole"},
        {"cloudwatch", "{'region':'r','assumeRole':{'roleArn':'x','durationSeconds':1}}",
         "durationSeconds"},
        {"prometheus", "{'url':'http://h','sigv4':true}", "sigv4"},
        {"prometheus", "{'url':'http://h','sigv4':{}}", "sigv4.region"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_create();
        struct account *account;
        struct error err = {0};

        row("%s", cases[i].account);
        assert_int_equal(ERR_SETTINGS,
                         account_decode(cases[i].type, json_keep(json_of(cases[i].account), arena),
                                        arena, &account, &err));
        assert_non_null(strstr(err.message, cases[i].error));
        arena_free(arena);
    }
}

static void prometheus_may_be_signed_for(void **state)
{
    struct subject s = subject_of_text(
        "prometheus",
        "{'url':'https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1',"
        "'sigv4':{'region':'eu-west-1','accessKeyId':'AKIA1','secretAccessKey':'secret-1'}}",
        TEN_MINUTES);
    struct http_request_list list;

    (void)state;
    assert_string_equal("aps", s.account->sigv4->service);
    assert_string_equal("eu-west-1", s.account->sigv4->region);
    assert_non_null(s.account->token);
    subject_build(&s, "up", &list);
    assert_string_equal("POST", list.requests[0].method);
    assert_string_equal("***", account_mask(s.account, "secret-1", s.arena));
    subject_free(&s);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"secret", "token", "credentials", "config"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(path_of(names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keys_of_the_account, clean_environment),
        cmocka_unit_test_setup(keys_of_the_environment, clean_environment),
        cmocka_unit_test_setup(keys_of_a_profile, clean_environment),
        cmocka_unit_test(roles_are_assumed_one_after_the_other), /* with the files of that */
        cmocka_unit_test_setup(a_web_identity, clean_environment),
        cmocka_unit_test_setup(a_container, clean_environment),
        cmocka_unit_test_setup(a_machine, clean_environment),
        cmocka_unit_test_setup(replies_that_are_refused, clean_environment),
        cmocka_unit_test_setup(accounts_that_are_refused, clean_environment),
        cmocka_unit_test_setup(prometheus_may_be_signed_for, clean_environment),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
