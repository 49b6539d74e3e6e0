// SPDX-License-Identifier: GPL-3.0-only
// What http.c (one request at a time), http_pool.c (several) and http_async.c (in an event loop)
// share; nobody else includes this.
#pragma once

#include "net/http_async.h"

#include <curl/curl.h>

// One request on its way; its callbacks' userdata.
struct transfer {
    const struct http_request *request;
    struct http_response *response;
    CURL *easy; // while it is on its way
    struct curl_slist *headers;
    size_t headers_len;                       // bytes of the answer's headers
    int body_fd;                              // -1: the body is in memory
    curl_off_t body_start, body_len, body_at; // body_at counts from body_start
    size_t saved;                             // bytes written to request->answer_fd
    const struct http_sink *sink;             // who takes the body; NULL: nobody piece by piece
    void *sink_userdata;
    bool sink_begun; // it has seen the headers
    int r;           // why a callback ended the transfer
    char message[CURL_ERROR_SIZE];
};

// Request and response are borrowed until the transfer is released.
int transfer_init(struct transfer *t, const struct http_request *request,
                  struct http_response *response, struct error *err);
void transfer_release(struct transfer *t);
// Makes a new handle do it, from the start.
void transfer_begin(struct transfer *t, CURL *easy, const char *user_agent);
// What libcurl's result means; t->message has the words for it.
int transfer_end(struct transfer *t, CURLcode code);
