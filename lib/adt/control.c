// SPDX-License-Identifier: GPL-3.0-only
#include "adt/control.h"

static const char *const outcomes[] = {"ending", "killed", "returned", "finished"};

static int parse_object(const char *body, size_t len, const char *what, json_t **ret,
                        struct error *err)
{
    int r = json_parse(body, len, what, ret, err);

    if (r == 0 && !json_is_object(*ret))
        r = error_set(err, -EBADMSG, "%s: expected an object, got %s", what, json_type_name(*ret));
    return r == -EINVAL ? -EBADMSG : r;
}

int control_kill_format(const struct control_kill *kill, struct buf *ret, struct error *err)
{
    _cleanup_json_ json_t *order = json_object();

    if (!order || json_put_string(order, "command", "kill") < 0 ||
        json_put_string(order, "uuid", kill->uuid) < 0 ||
        json_put_bool(order, "requeue", kill->requeue) < 0 ||
        (kill->requester && json_put_string(order, "requester", kill->requester) < 0) ||
        json_write(order, ret) < 0)
        return error_oom(err);
    return 0;
}

int control_kill_parse(const char *body, size_t len, struct control_kill *ret, struct error *err)
{
    _cleanup_json_ json_t *order = NULL;
    struct control_kill kill = {0};
    const char *command = NULL;
    int r = parse_object(body, len, "order", &order, err);

    if (r < 0)
        return r;
    if ((r = json_get_string(order, "command", &command, err)) == 0 && !str_equal(command, "kill"))
        return error_set(err, -EOPNOTSUPP, "order: unknown command \"%s\"", command);
    if (r < 0 || (r = json_get_optional_bool(order, "requeue", &kill.requeue, err)) < 0 ||
        (r = json_copy_string(order, "uuid", &kill.uuid, err)) < 0 ||
        (json_object_get(order, "requester") &&
         (r = json_copy_string(order, "requester", &kill.requester, err)) < 0)) {
        control_kill_release(&kill);
        return error_prefix(err, r == -EINVAL ? -EBADMSG : r, "order");
    }
    if (str_empty(kill.uuid)) {
        control_kill_release(&kill);
        return error_set(err, -EBADMSG, "order: uuid: is empty");
    }
    *ret = kill;
    return 0;
}

void control_kill_release(struct control_kill *kill)
{
    free(kill->uuid);
    free(kill->requester);
    *kill = (struct control_kill){0};
}

const char *control_outcome_name(enum control_outcome outcome)
{
    return (size_t)outcome < ARRAY_SIZE(outcomes) ? outcomes[outcome] : "unknown";
}

int control_answer_format(const struct control_answer *answer, struct buf *ret, struct error *err)
{
    _cleanup_json_ json_t *object = json_object();

    if (!object || json_put_string(object, "worker", answer->worker) < 0 ||
        json_put_string(object, "uuid", answer->uuid) < 0 ||
        json_put_string(object, "package", answer->package) < 0 ||
        json_put_string(object, "outcome", control_outcome_name(answer->outcome)) < 0 ||
        json_write(object, ret) < 0)
        return error_oom(err);
    return 0;
}

static int parse_outcome(const json_t *object, enum control_outcome *ret, struct error *err)
{
    const char *name = NULL;
    int r = json_get_string(object, "outcome", &name, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
        if (str_equal(name, outcomes[i])) {
            *ret = (enum control_outcome)i;
            return 0;
        }
    return error_set(err, -EBADMSG, "unknown outcome \"%s\"", name);
}

int control_answer_parse(const char *body, size_t len, struct control_answer *ret,
                         struct error *err)
{
    _cleanup_json_ json_t *object = NULL;
    struct control_answer answer = {0};
    int r = parse_object(body, len, "answer", &object, err);

    if (r < 0)
        return r;
    if ((r = json_copy_string(object, "worker", &answer.worker, err)) < 0 ||
        (r = json_copy_string(object, "uuid", &answer.uuid, err)) < 0 ||
        (r = json_copy_string(object, "package", &answer.package, err)) < 0 ||
        (r = parse_outcome(object, &answer.outcome, err)) < 0) {
        control_answer_release(&answer);
        return error_prefix(err, r == -EINVAL ? -EBADMSG : r, "answer");
    }
    *ret = answer;
    return 0;
}

void control_answer_release(struct control_answer *answer)
{
    free(answer->worker);
    free(answer->uuid);
    free(answer->package);
    *answer = (struct control_answer){0};
}
