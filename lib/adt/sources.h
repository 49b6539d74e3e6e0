// SPDX-License-Identifier: GPL-3.0-only
// Reads an archive's index of source packages (`Sources`): which packages it has, and in which
// versions. Format: deb822(5) and the DebianRepository/Format page of Debian's wiki.
//
// Fed with pieces of any size, it keeps the beginning of one line and two values, whatever the
// index holds.
#pragma once

#include "base/buf.h"

struct sources {
    // Called for each package; a negative return ends the reading.
    int (*found)(const char *package, const char *version, void *userdata);
    void *userdata;
    size_t refused; // stanzas without a name or a version that is one

    struct buf line; // the beginning of the line being read
    bool cut;        // the line is longer than what is kept of it
    bool open;       // something of a stanza was read
    bool extra;      // Extra-Source-Only: binaries refer to it, nobody is offered it
    char *package, *version;
};

#define SOURCES_LINE_MAX ((size_t)512)
#define SOURCES_INIT(on_found, data)                                                               \
    {                                                                                              \
        .found = (on_found), .userdata = (data), .line = BUF_INIT(SOURCES_LINE_MAX)                \
    }

// 0, -ENOMEM or what found() returned.
int sources_feed(struct sources *s, const void *bytes, size_t len);
// The last line and the last stanza need no newline behind them.
int sources_end(struct sources *s);
void sources_release(struct sources *s);
