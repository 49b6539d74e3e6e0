// SPDX-License-Identifier: GPL-3.0-only
#include "data/json.h"
#include "net/openstack.h"
#include "server.h"

#define SERVER "tests/unit/lib/net/fake_cloud.py"

static struct openstack *cloud_of(const struct server *server, const char *password)
{
    _cleanup_free_ char *url = str_format("http://127.0.0.1:%u/v3", server->port);
    const struct openrc rc = {.auth_url = url,
                              .username = (char[]){"me"},
                              .password = (char *)(uintptr_t)password,
                              .project_name = (char[]){"p"},
                              .interface = (char[]){"public"}};
    _cleanup_error_ struct error err = ERROR_INIT;
    struct openstack *cloud = NULL;

    ASSERT_OK(openstack_new(&rc, &cloud, &err), &err);
    return cloud;
}

static int call(struct openstack *cloud, enum openstack_service service, const char *method,
                const char *path, json_t **ret, struct error *err)
{
    const struct openstack_call call = {.service = service, .method = method, .path = path};

    return openstack_call(cloud, &call, ret, err);
}

TEST(calls_go_to_their_service_with_a_token_that_is_renewed)
{
    struct server server = server_start(SERVER, "");
    _cleanup_(openstack_freep) struct openstack *cloud = cloud_of(&server, "secret");
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_json_ json_t *compute = NULL, *image = NULL, *volume = NULL, *body = NULL;
    const struct openstack_call post = {.service = OPENSTACK_COMPUTE,
                                        .method = "POST",
                                        .path = "/servers",
                                        .body = body = json_pack("{s:i}", "a", 1)};
    _cleanup_json_ json_t *posted = NULL;

    ASSERT_OK(call(cloud, OPENSTACK_COMPUTE, NULL, "/servers?x=1", &compute, &err), &err);
    ck_assert_str_eq(json_text(compute, "path"), "/compute/v2.1/servers?x=1");
    ASSERT_OK(call(cloud, OPENSTACK_IMAGE, NULL, "/images", &image, &err), &err);
    ck_assert_str_eq(json_text(image, "path"), "/image/v2/images");
    ASSERT_OK(call(cloud, OPENSTACK_VOLUME, NULL, "/limits", &volume, &err), &err);
    ck_assert_str_eq(json_text(volume, "path"), "/volume/v3/limits");
    ASSERT_OK(openstack_call(cloud, &post, &posted, &err), &err);
    ck_assert_str_eq(json_text(posted, "body"), "{\"a\":1}");
    ASSERT_FAILS(call(cloud, OPENSTACK_NETWORK, NULL, "/networks", NULL, &err), -EIO, &err,
                 "the catalog's address of the network service is none");
    server_stop(&server);
}

TEST(refused_calls_have_the_services_words)
{
    static const struct {
        const char *path;
        int r;
        const char *words;
    } cases[] = {
        {"/status/403?kind=forbidden&m=Quota+exceeded+for+cores", -EDQUOT,
         "Quota exceeded for cores, HTTP status 403"},
        {"/status/403?m=Policy", -EACCES, "Policy, HTTP status 403"},
        {"/status/404", -ENOENT, "HTTP status 404"},
        {"/status/409?kind=NeutronError&m=exists", -EBUSY, "exists, HTTP status 409"},
        {"/status/409?kind=NeutronError&m=Quota+exceeded+for+resources", -EDQUOT,
         "Quota exceeded for resources, HTTP status 409"},
        {"/status/400?m=bad%0Ainput", -EINVAL, "bad input, HTTP status 400"},
        {"/status/501", -EAGAIN, "HTTP status 501"},
        {"/text", -EIO, "answer: "},
    };
    struct server server = server_start(SERVER, "");
    _cleanup_(openstack_freep) struct openstack *cloud = cloud_of(&server, "secret");

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        json_t *answer = NULL;

        ck_assert_int_eq(call(cloud, OPENSTACK_COMPUTE, "POST", cases[i].path, &answer, &err),
                         cases[i].r);
        ck_assert_msg(strstr(error_message(&err), cases[i].words) != NULL, "%s",
                      error_message(&err));
        ck_assert_ptr_null(answer);
    }
    server_stop(&server);
}

TEST(a_wrong_password_is_told_without_it)
{
    struct server server = server_start(SERVER, "");
    _cleanup_(openstack_freep) struct openstack *cloud = cloud_of(&server, "hidden");
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(call(cloud, OPENSTACK_COMPUTE, NULL, "/", NULL, &err), -EACCES);
    ck_assert_ptr_nonnull(strstr(error_message(&err), "user me or the password is refused"));
    ck_assert_ptr_null(strstr(error_message(&err), "hidden"));
    server_stop(&server);
}

TEST(a_cloud_that_is_not_there_is_for_later)
{
    struct server server = server_start(SERVER, "");
    _cleanup_(openstack_freep) struct openstack *cloud = cloud_of(&server, "secret");
    _cleanup_error_ struct error err = ERROR_INIT;

    ck_assert_int_eq(call(cloud, OPENSTACK_COMPUTE, "POST", "/x", NULL, &err), 0);
    server_stop(&server);
    ck_assert_int_eq(call(cloud, OPENSTACK_COMPUTE, "POST", "/x", NULL, &err), -EAGAIN);
}

static int note(const json_t *item, void *userdata)
{
    int r = buf_addf(userdata, "%s ", json_text(item, "id"));

    return r < 0 ? r : str_equal(json_text(item, "id"), "stop");
}

TEST(listings_are_read_page_by_page)
{
    struct server server = server_start(SERVER, "");
    _cleanup_(openstack_freep) struct openstack *cloud = cloud_of(&server, "secret");
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_buf_ struct buf nova = BUF_INIT(1000), glance = BUF_INIT(1000), loop = BUF_INIT(8000);

    ASSERT_OK(openstack_list(cloud, OPENSTACK_COMPUTE, "/list", "things", note, &nova, &err), &err);
    ck_assert_str_eq(buf_str(&nova), "0 1 2 ");
    ASSERT_OK(openstack_list(cloud, OPENSTACK_IMAGE, "/glance", "things", note, &glance, &err),
              &err);
    ck_assert_str_eq(buf_str(&glance), "0 1 ");
    ASSERT_FAILS(openstack_list(cloud, OPENSTACK_COMPUTE, "/list", "others", note, &nova, &err),
                 -EIO, &err, "GET /list: the answer has no list of others");
    ASSERT_FAILS(openstack_list(cloud, OPENSTACK_COMPUTE, "/loop", "things", note, &loop, &err),
                 -E2BIG, &err, "GET /loop: too many pages");
    server_stop(&server);
}

TEST(an_application_credential_is_enough)
{
    struct server server = server_start(SERVER, "");
    _cleanup_free_ char *url = str_format("http://127.0.0.1:%u/v3", server.port);
    const struct openrc rc = {.auth_url = url,
                              .application_id = (char[]){"id"},
                              .application_secret = (char[]){"secret"},
                              .interface = (char[]){"public"},
                              .region = (char[]){"r"}};
    _cleanup_(openstack_freep) struct openstack *cloud = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;

    ASSERT_OK(openstack_new(&rc, &cloud, &err), &err);
    ASSERT_OK(call(cloud, OPENSTACK_COMPUTE, NULL, "/x", NULL, &err), &err);
    server_stop(&server);
}

TEST(faults_are_text_of_a_bounded_length)
{
    static const char control[] = "{\"message\": \"a\\u001bb\"}";
    _cleanup_free_ char *long_one = malloc(2000), *fault = NULL, *plain = NULL;

    (void)snprintf(long_one, 2000, "{\"x\": {\"message\": \"%0999d\"}}", 7);
    fault = openstack_fault(long_one, strlen(long_one));
    ck_assert_uint_eq(strlen(fault), 300);
    plain = openstack_fault(control, strlen(control));
    ck_assert_str_eq(plain, "a b");
    ck_assert_ptr_null(openstack_fault("", 0));
    ck_assert_ptr_null(openstack_fault("<html>", 6));
    ck_assert_ptr_null(openstack_fault("{\"x\": {\"message\": 5}}", 21));
}
