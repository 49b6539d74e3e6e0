// SPDX-License-Identifier: GPL-3.0-only
// Input: a table as it stands in a frame (AMQP 0-9-1, section 4.2.5.5), without its length.
#include "net/amqp_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

// rabbitmq-c before 0.14 follows any depth of nesting on the stack; frames from a broker that we
// log in to are trusted that far.
#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char encoded[4 + INPUT_MAX];
    amqp_bytes_t whole = {.bytes = encoded, .len = 4 + size};
    amqp_table_t table = {0};
    amqp_pool_t pool;
    json_t *object = NULL;
    size_t offset = 0;

    if (size > INPUT_MAX)
        return 0;
    encoded[0] = encoded[1] = 0;
    encoded[2] = (char)(size >> 8);
    encoded[3] = (char)(size & 0xff);
    if (size > 0)
        memcpy(encoded + 4, bytes, size);
    init_amqp_pool(&pool, 4096);
    if (amqp_decode_table(whole, &pool, &table, &offset) == AMQP_STATUS_OK) {
        if (amqp_table_to_json(&table, &object) < 0 || !json_is_object(object))
            abort();
        json_decref(object);
    }
    empty_amqp_pool(&pool);
    return 0;
}
