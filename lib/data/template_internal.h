// SPDX-License-Identifier: GPL-3.0-only
// What the files of the template module share: the form of a parsed template.
//
// A template is an array of nodes in the order of the text; a section's (block's, parent's) content
// is the nodes from the one after it up to its `end`. Texts and names lie in one string, names as
// their dotted parts each ended by NUL, so that rendering looks names up without allocating.
//
// Lines. The specification indents a standalone partial by putting the indentation before each line
// of its text, values not included. So the parser marks where lines of the template begin: inside a
// text every byte after a newline, and the first node of a line otherwise (NODE_LINE_START).
// Standalone tags leave no line behind, hence no mark.
//
// Blocks. The content a parent tag gives for a block loses the indentation of its first line when
// it is parsed (when it starts on a line of its own), and takes the block's where it is used.
#pragma once

#include "data/template.h"

#include <stdint.h>

enum node_type {
    NODE_TEXT,
    NODE_VALUE,
    NODE_SECTION,
    NODE_INVERTED,
    NODE_PARTIAL,
    NODE_PARENT,
    NODE_BLOCK,
};

enum node_flag {
    NODE_LINE_START = 1, // first of its line: the current indentation goes before it
    NODE_DYNAMIC = 2,    // partial, parent: the name is looked up in the data
    NODE_STANDALONE = 4, // partial, parent, block: on lines of its own, `indent` moves to its lines
};

enum escape {
    ESCAPE_NONE,
    ESCAPE_HTML,
    ESCAPE_SYSTEMD,
    ESCAPE_SHELL,
};

struct node {
    uint8_t type;
    uint8_t flags;
    uint8_t escape; // of a value
    uint8_t parts;  // of a dotted name; 0: the name is "."
    uint32_t line;
    uint32_t end;    // index after the content
    uint32_t string; // offset of the text or name
    uint32_t hash;   // of a dotted name's first part (member_hash())
    uint32_t length; // of the text, bytes
    uint32_t indent; // offset
    uint32_t indent_length;
};

struct template
{
    char *name;
    struct node *nodes;
    uint32_t count;
    struct buf strings;
};

// Appends `text` so that it stands for itself where the template puts it. -EINVAL for what cannot
// be written there at all (a NUL byte for systemd or a shell). The text may contain NUL bytes; one
// more is behind its end.
int template_escape(enum escape escape, const char *text, size_t len, struct buf *out);
