// SPDX-License-Identifier: GPL-3.0-only
// What is asked of the store of results, wherever it is (stored.h), and what it says.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Anybody reads what the container's ACL opens to all; the account reads everything, and whoever
// reads for it has to know whom he shows it.
enum stored_reader { READER_ANYBODY, READER_ACCOUNT };

struct stored_object {
    enum stored_reader reader;
    const char *container, *name;
    uint64_t max; // bytes that it may have
    bool anew;    // what was read before, or is being read, does not count (stored_cache.h)
    // To be sent as it is: without a size that is known beforehand it is too large, and if it comes
    // already for somebody else it may have any.
    bool sized;
    bool to_end; // it comes to its end, to be kept, also when its readers leave before that
};

struct stored_entry {
    const char *name; // object, or prefix up to and with the delimiter
    bool is_prefix;
    uint64_t size;      // of an object
    int64_t modified_s; // the same
};
typedef int stored_visit(const struct stored_entry *entry, void *userdata);
